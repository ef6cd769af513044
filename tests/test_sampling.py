import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from reference.model import all_negatives
from tronrec.batches import Batch, SessionBatches
from tronrec.data.packed import PackedSessions
from tronrec.params import SamplingParams
from tronrec.sampling import NegativeSampler, draw_in_batch, draw_uniform
from tronrec.training.hard_negatives import HardestNegatives, keep_all

TOLERANCE = 5
"""Standard deviations; a right sampler fails once in a million draws."""


def make_batch(seed: int, num_items: int, sessions: int = 6) -> Batch:
    packed = random_sessions(seed, sessions=sessions, num_items=num_items, longest=6)
    batches = SessionBatches(packed, torch.device("cpu"))
    return batches.batch(packed.offsets[:-1], packed.offsets[1:])


def assert_equally_likely(counts: torch.Tensor) -> None:
    mean = counts.double().mean()
    assert (counts - mean).abs().max() < TOLERANCE * mean.sqrt()


def test_uniform_draws_every_item_equally_and_never_padding():
    drawn = draw_uniform((200_000,), 50, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=51)
    assert counts[0] == 0
    assert_equally_likely(counts[1:])


@given(
    uniform=st.integers(1, 50),
    share=st.none() | st.floats(0.01, 1),
    num_items=st.integers(2, 60),
)
def test_uniform_draws_are_no_more_than_a_share_of_the_catalogue(
    uniform, share, num_items
):
    params = SamplingParams(
        uniform=uniform, uniform_share=share, in_batch=1, top_k=None
    )
    sampler = NegativeSampler(params, num_items)
    drawn = sampler.draw(make_batch(0, num_items), torch.Generator()).uniform
    limit = uniform if share is None else max(1, math.floor(share * num_items))
    expected = min(uniform, limit)
    assert drawn.shape == (1, expected)
    few = SamplingParams(uniform=50, uniform_share=share, in_batch=1, top_k=40)
    assert few.kept_of(num_items) == min(40, few.uniform_of(num_items) + 1)


def test_in_batch_draws_the_clicks_of_all_others_equally():
    lengths = torch.tensor([3, 2, 7])
    session = torch.tensor([0, 1, 2, 1])
    drawn = draw_in_batch(lengths, session, 120_000, torch.Generator().manual_seed(0))
    own = [range(3), range(3, 5), range(5, 12)]
    for rows, number in zip(drawn, session, strict=True):
        counts, mine = torch.bincount(rows, minlength=12), own[number]
        assert not counts[mine].any()
        assert_equally_likely(counts[[row for row in range(12) if row not in mine]])


def test_without_others_nothing_is_drawn_from_them():
    drawn = draw_in_batch(torch.tensor([3]), torch.tensor([0, 0]), 5, torch.Generator())
    assert drawn.tolist() == [[0] * 5] * 2


@pytest.mark.parametrize("in_batch", ["elementwise", "sessionwise", "batchwise"])
@pytest.mark.parametrize("uniform", ["elementwise", "sessionwise", "batchwise"])
@pytest.mark.parametrize("top_k", [None, 4, 10])
def test_a_session_alone_in_its_batch_has_uniform_negatives(in_batch, uniform, top_k):
    params = SamplingParams(
        uniform=6,
        uniform_granularity=uniform,
        in_batch=5,
        in_batch_granularity=in_batch,
        top_k=top_k,
    )
    clicks = np.array([1, 2, 3], np.int32)
    sessions = PackedSessions(clicks, np.array([0, 3]))
    batches = SessionBatches(sessions, torch.device("cpu"))
    (batch,) = batches.epoch(batch_size=2, window=9, generator=np.random.default_rng(0))
    generator = torch.Generator().manual_seed(0)
    candidates = NegativeSampler(params, 500).draw(batch, generator)
    assert candidates.mask_in_batch().all()
    negatives = keep_all(candidates)
    if top_k is not None:
        hidden, table = torch.randn(2, 8), torch.randn(501, 8)
        negatives = HardestNegatives(top_k, torch.float32).choose(
            hidden, table, candidates
        )
    assert ((~negatives.masked).sum(1) == min(6, top_k or 6)).all()


granularities = st.sampled_from(["elementwise", "sessionwise", "batchwise"])


@st.composite
def mixes(draw, top_k: bool) -> SamplingParams:
    uniform, in_batch = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    uniform += uniform + in_batch == 0
    return SamplingParams(
        uniform=uniform,
        uniform_granularity=draw(granularities),
        in_batch=in_batch,
        in_batch_granularity=draw(granularities),
        exclude_session=draw(st.booleans()),
        top_k=draw(st.integers(1, uniform + in_batch)) if top_k else None,
    )


class Drawn(NamedTuple):
    items: torch.Tensor
    masked: torch.Tensor


def choose(
    params: SamplingParams,
    seed: int,
    num_items: int,
    search_dtype: torch.dtype = torch.float32,
):
    torch.manual_seed(seed)
    batch = make_batch(seed, num_items)
    table, hidden = torch.randn(num_items + 1, 8), torch.randn(len(batch), 8)
    generator = torch.Generator().manual_seed(seed)
    candidates = NegativeSampler(params, num_items).draw(batch, generator)
    negatives = keep_all(candidates)
    if params.top_k is not None:
        hardest = HardestNegatives(params.top_k, search_dtype)
        negatives = hardest.choose(hidden, table, candidates)
    return batch, table, hidden, Drawn(all_negatives(negatives), negatives.masked)


def forbidden(batch: Batch, params: SamplingParams) -> list[set[int]]:
    """Return the items that must not count as negatives of each event."""
    sessions = [set(s.tolist()) for s in batch.clicks.split(batch.lengths.tolist())]
    targets = batch.clicks[batch.targets].tolist()
    session = batch.layout.session.tolist()
    return [
        sessions[number] if params.exclude_session else {target}
        for number, target in zip(session, targets, strict=True)
    ]


@settings(max_examples=100)
@given(mixes(top_k=False), st.integers(0, 2**32))
def test_without_top_k_every_negative_is_kept_and_hits_are_marked(params, seed):
    """Few items, so that targets are drawn often (trap 2)."""
    batch, _, _, found = choose(params, seed, num_items=9)
    total = params.uniform + params.in_batch
    shape = (len(batch), total)
    assert found.items.shape == found.masked.shape == shape
    assert found.items.min() >= 1 and found.items.max() <= 9
    for items, masked, banned in zip(
        found.items, found.masked, forbidden(batch, params), strict=True
    ):
        assert all(
            m or i not in banned for i, m in zip(items.tolist(), masked, strict=True)
        )
    if params.in_batch_granularity != "batchwise":
        for items, masked, banned in zip(
            found.items, found.masked, forbidden(batch, params), strict=True
        ):
            inside = [i in banned for i in items.tolist()]
            assert masked.tolist() == inside


@settings(max_examples=60)
@given(mixes(top_k=False), st.integers(0, 2**32))
def test_granularity_says_who_shares_draws(params, seed):
    batch, _, _, found = choose(params, seed, num_items=10_000)
    session = batch.layout.session
    for granularity, items in zip(
        (params.uniform_granularity, params.in_batch_granularity),
        found.items.split([params.uniform, params.in_batch], 1),
        strict=True,
    ):
        if granularity == "batchwise":
            assert (items == items[0]).all()
        elif granularity == "sessionwise":
            for number in session.unique():
                mine = items[session == number]
                assert (mine == mine[0]).all()


@settings(max_examples=100)
@given(mixes(top_k=True), st.integers(0, 2**32))
def test_chosen_are_the_hardest_that_are_not_the_target(params, seed):
    """The draws are those without top-k: the same generator gives the same (trap 2)."""
    batch, table, hidden, found = choose(params, seed, num_items=9)
    every = params.model_copy(update={"top_k": None})
    *_, drawn = choose(every, seed, num_items=9)
    for event in range(len(batch)):
        allowed = drawn.items[event][~drawn.masked[event]]
        scores = (table[allowed] @ hidden[event]).sort(descending=True).values
        kept = found.items[event][~found.masked[event]]
        torch.testing.assert_close(
            (table[kept] @ hidden[event]).sort(descending=True).values,
            scores[: params.top_k],
        )


@settings(max_examples=100)
@given(
    mixes(top_k=True),
    st.sampled_from([torch.int8, torch.bfloat16]),
    st.integers(0, 2**32),
)
def test_a_coarse_search_finds_negatives_that_are_as_hard_but_for_rounding(
    params, search_dtype, seed
):
    batch, table, hidden, exact = choose(params, seed, num_items=9)
    *_, found = choose(params, seed, 9, search_dtype)
    assert torch.equal((~found.masked).sum(1), (~exact.masked).sum(1))
    rounding = error_of_products(hidden, table, search_dtype)
    for event, banned in enumerate(forbidden(batch, params)):
        kept = found.items[event][~found.masked[event]]
        assert banned.isdisjoint(kept.tolist())
        best = exact.items[event][~exact.masked[event]]
        scores, harder = (
            (table[items] @ hidden[event]).sort().values for items in (kept, best)
        )
        assert (harder - scores <= 2 * rounding[event] + 1e-5).all()


def error_of_products(
    hidden: torch.Tensor, table: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """Return the most that rounding can change a product of each hidden state."""
    states, vectors = hidden.abs(), table.abs()
    if dtype == torch.int8:
        of_states = (states.amax(1, keepdim=True) / 254).expand_as(states)
        of_vectors = (vectors.amax() / 254).expand_as(vectors)
        of_products = torch.zeros(())
    else:
        of_states, of_vectors = states / 256, vectors / 256
        of_products = states @ vectors.T / 128
    of_factors = of_states @ vectors.T + (states + of_states) @ of_vectors.T
    return (of_factors + of_products).amax(1)


def test_items_of_the_session_are_drawn_again():
    params = SamplingParams(
        uniform=500,
        uniform_granularity="elementwise",
        in_batch=0,
        exclude_session=True,
        top_k=None,
    )
    batch, _, _, found = choose(params, 0, num_items=40)
    assert not found.masked.any()
    for items, banned in zip(found.items, forbidden(batch, params), strict=True):
        counts = torch.bincount(items, minlength=41)[1:]
        others = [item for item in range(1, 41) if item not in banned]
        assert_equally_likely(counts[torch.tensor(others) - 1])
