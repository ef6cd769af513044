"""A GPU computes what a CPU does: gradients, trainings, ranks and answers.

Where there is no GPU, `test_gpu_ready` looks at most of its code on a CPU.
"""

import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from reference import ranking as reference
from reference.data import random_sessions
from reference.trained import make_file
from tronrec.batches import Batch
from tronrec.checkpoint import Checkpoint
from tronrec.device import choose_device
from tronrec.evaluation.calibration import calibrate
from tronrec.evaluation.ranking import rank_targets
from tronrec.losses import choose_loss
from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams, SystemParams
from tronrec.recommend import TrainedModel
from tronrec.retrieval.exact_top_k import ExactTopK
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.sampling import Candidates, NegativeSampler
from tronrec.systems import System
from tronrec.training.encoder_graphs import EncoderGraphs
from tronrec.training.hard_negatives import HardestNegatives
from tronrec.training.loop import Trainer, TrainingSessions, fit
from tronrec.training.session_parallel import choose_batches
from tronrec.training.state import resume, save_state
from tronrec.training.step import Step

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA GPU"
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")
choose_device("auto")
CONFIG = Path(__file__).parents[2] / "conf/base/parameters_systems.yml"
SYSTEMS = yaml.safe_load(CONFIG.read_text())["systems"]
ITEMS = 300
SESSIONS = random_sessions(0, sessions=60, num_items=ITEMS, longest=12)
HELD_OUT = random_sessions(1, sessions=30, num_items=ITEMS, longest=12)
DATA = TrainingSessions(SESSIONS, HELD_OUT, ITEMS)
SMALL = {
    "model": {"hidden_size": 16, "window": 8, "dropout": 0},
    "sampling": {"in_batch": 5},
    "training": {"batch_size": 20, "warmup_steps": 0, "min_steps": 1},
}
FEWER = {"uniform": 120, "top_k": 25}


def small(name: str, **training: object) -> SystemParams:
    """Return a system of Table 2, or of ours, with small numbers."""
    block = System.read(name, SYSTEMS[name]).everywhere
    for part, values in SMALL.items():
        block[part] = block.get(part, {}) | values
    if "item_dropout" in block["model"]:
        block["model"]["item_dropout"] = 0
    for number, value in FEWER.items():
        if block["sampling"].get(number, value):
            block["sampling"][number] = value
    block["training"] |= training
    return SystemParams.model_validate(block).sized_for(len(SESSIONS.items))


@dataclass(frozen=True)
class Drawn:
    """Gives the same candidates on every device."""

    candidates: list[Candidates]

    def draw(self, batch: Batch, generator: object) -> Candidates:
        """Return the first that are left, with the batch."""
        first = self.candidates.pop(0)
        uniform, in_batch = (
            part.to(batch.clicks.device) for part in (first.uniform, first.in_batch)
        )
        return Candidates(batch, uniform, in_batch, first.params)


def batches_on(
    device: torch.device, params: SystemParams, sizes: Sequence[int]
) -> list[Batch]:
    """Return the first batch of an epoch, for batches of several sizes."""
    batches, found = choose_batches(params, SESSIONS, device), []
    for size in sizes:
        order = np.random.default_rng(size)
        epoch = batches.epoch(batch_size=size, window=8, generator=order)
        found.append(next(epoch))
    return found


def gradients_on(
    device: torch.device, model: Recommender, params: SystemParams
) -> list[dict[str, Tensor]]:
    """Return loss and gradients of some batches, with negatives drawn on the CPU."""
    sizes = 20, 45, 20
    sampler, generator = NegativeSampler(params.sampling, ITEMS), torch.Generator()
    generator.manual_seed(0)
    drawn = [sampler.draw(batch, generator) for batch in batches_on(CPU, params, sizes)]
    model = deepcopy(model).to(device).train()
    k = params.sampling.kept_of(ITEMS)
    replayed = device == GPU and params.model.encoder == "transformer"
    step = Step(
        model,
        Drawn(drawn),
        None if k is None else HardestNegatives(k, torch.float32),
        choose_loss(params.loss),
        graphs=EncoderGraphs(model) if replayed else None,
    )
    every = []
    for batch in batches_on(device, params, sizes):
        model.zero_grad()
        found = step.backward(batch, torch.Generator(device))
        dense, summed = torch.zeros_like(model.item_embeddings), found.of_items.summed()
        dense.index_add_(0, summed.item_ids, summed.values)
        named = model.encoder.named_parameters()
        gradients = {name: p.grad.cpu() for name, p in named if p.grad is not None}
        every.append(gradients | {"items": dense.cpu(), "loss": found.loss.cpu()})
    return every


@pytest.mark.parametrize("name", SYSTEMS)
def test_gradients_are_those_of_a_cpu(name):
    params = small(name)
    torch.manual_seed(0)
    model = Recommender(params.model, ITEMS)
    every = [gradients_on(device, model, params) for device in (GPU, CPU)]
    for ours, theirs in zip(*every, strict=True):
        assert ours.keys() == theirs.keys()
        for part in theirs:
            torch.testing.assert_close(
                ours[part], theirs[part], atol=1e-5, rtol=1e-3, msg=part
            )


def test_dropout_is_drawn_anew_and_by_the_seed():
    params = small("tron_plus").model.model_copy(update={"dropout": 0.5})
    model = Recommender(params, ITEMS).to(GPU).train()
    graphs, position = EncoderGraphs(model), torch.arange(5, device=GPU)
    layout = Layout(torch.zeros_like(position), position, 5)
    vectors = torch.randn(5, model.vector_size, device=GPU)

    def encode(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return [graphs.encode(vectors, layout).clone() for _ in range(2)]

    first, again, other = encode(0), encode(0), encode(1)
    assert not torch.equal(*first)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])


def test_garbage_that_has_a_graph_spoils_no_recording():
    thresholds = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(3):  # each leaves graphs to be collected while the next records
            Trainer(small("sasrec"), DATA, GPU).run_epoch()
    finally:
        gc.set_threshold(*thresholds)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Raise an error where the host waits for the GPU."""
    with warnings.catch_warnings(action="ignore"):  # it says that it misses some
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", [name for name in SYSTEMS if "gru" not in name])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_host_waits_for_no_step(name, precision):
    """A GRU's steps wait for the lengths of sessions, which torch wants on the host."""
    trainer = Trainer(small(name, precision=precision), DATA, GPU)
    generator, order = torch.Generator(GPU), np.random.default_rng(0)
    trainer.model.train()
    batches = trainer.batches.epoch(batch_size=20, window=8, generator=order)
    batches = list(batches)
    for batch in batches:  # libraries start, graphs are recorded
        trainer.update(batch, generator, 1e-3)
    with no_waiting():
        for batch in batches:
            trainer.update(batch, generator, 1e-3)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_learns_as_a_cpu_does(name, precision):
    params = small(name, epochs=8, precision=precision)
    losses = {}
    for device in (CPU, GPU):
        trainer = Trainer(params, DATA, device)
        losses[device] = [state.history[-1].loss for state in fit(trainer)]
    assert losses[GPU][0] == pytest.approx(losses[CPU][0], rel=0.05)
    assert losses[GPU][-1] == pytest.approx(losses[CPU][-1], rel=0.1)


@pytest.mark.parametrize("name", ["gru4rec_plus", "tron_xl", "tron_plus"])
def test_a_training_goes_on_where_it_was_and_on_a_cpu(name, tmp_path):
    params = small(name, epochs=4)
    dropout = {"dropout": 0.0 if "gru" in name else 0.2}
    model = params.model.model_copy(update=dropout)
    params = params.model_copy(update={"model": model})
    unbroken = Trainer(params, DATA, GPU)
    list(fit(unbroken))
    broken = Trainer(params, DATA, GPU)
    for _ in range(2):
        broken.run_epoch()
    path = tmp_path / "checkpoint.safetensors"
    save_state(broken).save(path)
    for device in (GPU, CPU):
        trainer = Trainer(params, DATA, device)
        assert resume(trainer, Checkpoint.load(path))
        list(fit(trainer))
        assert trainer.epoch == unbroken.epoch
        last = trainer.history[-1].loss
        close = 1e-4 if device == GPU else 0.1
        assert last == pytest.approx(unbroken.history[-1].loss, rel=close)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([None, 0.2]),
    st.sampled_from([0, 0.7]),
    st.lists(st.floats(-3, 3), max_size=6),
    st.sampled_from([1, 2]),
)
def test_ranks_are_those_of_the_definition(seed, temperature, trend, gains, members):
    torch.manual_seed(seed)
    shape = {"hidden_size": 8, "feed_forward": 8, "window": 4}
    params = ModelParams(**shape, temperature=temperature, members=members)
    model = Recommender(params, 12)
    ranking = RankingParams(trend=trend, repeat_gains=gains)
    terms = RankingTerms(ranking, torch.randn(13) if trend else None)
    sessions = random_sessions(seed, sessions=5, num_items=12, longest=9)
    assume(reference.are_clear(model, terms, sessions))
    expected = np.array(reference.ranks(model, terms, sessions))
    found = rank_targets(model.to(GPU), terms, sessions, depth=5).ranks
    assert found.tolist() == np.minimum(expected, 6).tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 70_000),
    st.sampled_from([12, 200, 201]),
    st.sampled_from([torch.float32, torch.bfloat16]),
    st.sampled_from([0.0, 1e-6, 1e-3, 1.0]),
)
def test_nothing_among_the_best_is_missed(seed, items, size, coarse, spread):
    """Near-ties by the hundred, where coarse scores cannot tell items apart."""
    generator = torch.Generator(GPU).manual_seed(seed)
    draw = {"device": GPU, "generator": generator}
    table = torch.randn(size, **draw) + spread * torch.randn(items + 1, size, **draw)
    table[0] = 100
    hidden, depth = torch.randn(33, size, **draw), 20
    found = ExactTopK(table, coarse).search(hidden, depth)
    scores = hidden.double() @ table[1:].double().T
    worst = scores.topk(min(depth, items)).values[:, -1:]
    doubt = 1e-5 * float(scores.abs().max())
    event, item = (scores > worst + doubt).nonzero(as_tuple=True)
    pairs = set(zip(found.event.tolist(), found.item.tolist(), strict=True))
    assert len(pairs) == len(found.event)
    assert set(zip(event.tolist(), (item + 1).tolist(), strict=True)) <= pairs
    exact = scores[found.event, found.item - 1].float()
    torch.testing.assert_close(found.score, exact, atol=doubt, rtol=1e-4)


def test_terms_that_fit_are_those_of_a_cpu():
    rng = np.random.default_rng(0)
    clicks = rng.integers(1, ITEMS + 1, len(SESSIONS.items)).astype(np.int32)
    clicks[2::3] = clicks[:-2:3]  # every third click goes back
    known = type(SESSIONS)(clicks, SESSIONS.offsets)
    found = []
    for device in (GPU, CPU):
        torch.manual_seed(0)
        shape = {"hidden_size": 8, "feed_forward": 8, "window": 6}
        model = Recommender(ModelParams(**shape), ITEMS).to(device)
        found.append(calibrate(model, RankingParams(), known, known))
    ours, theirs = found
    assert ours.params == theirs.params
    for name, trial in theirs.trials.items():
        assert ours.trials[name].metrics == pytest.approx(trial.metrics)


@pytest.mark.parametrize("model", [{}, {"temperature": 0.2, "readout": "both"}])
def test_recommendations_are_those_of_a_cpu(model):
    sessions = [[f"sku-{100 + (7 * i + j) % 40:04}" for j in range(1 + i % 9)]
                for i in range(50)]  # fmt: skip
    ours, theirs = (
        TrainedModel(make_file(**model), device).recommend(sessions, 10)
        for device in (GPU, CPU)
    )
    assert ours["item"].to_list() == theirs["item"].to_list()
    torch.testing.assert_close(
        torch.tensor(ours["score"].to_list()), torch.tensor(theirs["score"].to_list())
    )
