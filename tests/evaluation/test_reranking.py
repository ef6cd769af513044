"""The second stage: ranks by the definition, and nothing learned by heart or chance."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reference import ranking as reference
from reference.data import random_sessions
from reference.reranking import make_network
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.evaluation import reranking
from tronrec.evaluation.calibration import calibrate
from tronrec.evaluation.metrics import measure
from tronrec.evaluation.ranking import rank_targets
from tronrec.evaluation.reranking import Examples, cross_fitted_ranks, fit_network
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.reranker import FEATURES, Likeness, Network

TERMS = st.builds(
    RankingParams,
    trend=st.sampled_from([0, 0.5]),
    repeat_gains=st.lists(st.floats(-3, 3), max_size=3),
    successors=st.sampled_from([0, 0.5]),
    reranker=st.builds(make_network, st.integers(0, 99)),
)


RERANKED = RankingParams(calibrate=True, rerank=True)


def make_model(seed: int, items: int) -> Recommender:
    torch.manual_seed(seed)
    params = ModelParams(hidden_size=8, feed_forward=8, window=4, layers=1)
    model = Recommender(params, items)
    model.item_embeddings.data[1:].normal_()
    return model


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from([12, 90]), TERMS)
def test_ranks_match_the_definition(seed, items, params):
    """Catalogues shorter and longer than the list, and sessions past the window."""
    model = make_model(seed, items)
    known = random_sessions(seed + 1, sessions=20, num_items=items, longest=6)
    terms = RankingTerms.count(params, items, known)
    sessions = random_sessions(seed, sessions=3, num_items=items, longest=7)
    assume(reference.are_clear(model, terms, sessions))
    expected = np.array(reference.ranks(model, terms, sessions))
    found = rank_targets(model, terms, sessions, depth=80).ranks
    assert found.tolist() == np.minimum(expected, 81).tolist()


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 40), TERMS)
def test_ranks_do_not_depend_on_how_many_are_ranked_at_once(seed, at_once, params):
    model = make_model(seed, 90)
    sessions = random_sessions(seed, sessions=9, num_items=90, longest=9)
    terms = RankingTerms.count(params, 90, sessions)
    whole = rank_targets(model, terms, sessions)
    parts = rank_targets(model, terms, sessions, batch_size=at_once)
    assert whole.ranks.tolist() == parts.ranks.tolist()
    assert whole.best_rank_by_item.tolist() == parts.best_rank_by_item.tolist()


def test_a_network_is_read_as_it_was_written():
    text = make_network(3)
    network = Network.decode(text)
    assert network.encode() == text
    for damaged in (text[:-8], text[:-1], "", "no network", "A" * len(text) + "!"):
        with pytest.raises(UserError, match=r"ranking.reranker .* finite numbers"):
            Network.decode(damaged)
    endless = Network(*(torch.full_like(x, torch.inf) for x in vars(network).values()))
    with pytest.raises(UserError, match="finite numbers"):
        Network.decode(endless.encode())


def decided_sessions(seed: int) -> PackedSessions:
    """Return sessions that stay with a popular item, and go back from any other."""
    rng = np.random.default_rng(seed)
    popular = rng.random((1500, 4)) < 0.7
    clicks = np.where(
        popular, *rng.integers([[[1]], [[46]]], [[[46]], [[91]]], (2, 1500, 4))
    )
    stays = clicks[:, 2] <= 45
    clicks[:, 3] = np.where(stays, clicks[:, 2], clicks[:, 1])
    return PackedSessions(clicks.astype(np.int32).ravel(), np.arange(0, 6001, 4))


def test_what_no_sum_can_say_is_learned():
    model, known, held_out = make_model(0, 90), decided_sessions(0), decided_sessions(1)
    found = calibrate(model, RERANKED, known, held_out)
    fitted, second = (found.trials[name].metrics for name in ("fitted", "reranked"))
    assert found.chosen == "reranked" and found.params.reranker
    assert second["mrr@20"] > fitted["mrr@20"] + 0.01
    terms = RankingTerms.count(found.params, 90, known)
    served = measure(rank_targets(model, terms, decided_sessions(2)), [20])
    assert served["mrr@20"] == pytest.approx(second["mrr@20"], abs=0.02)
    off = calibrate(model, RankingParams(), known, held_out)
    assert "reranked" not in off.trials and off.params.reranker is None


def test_nothing_is_learned_by_chance():
    sessions = random_sessions(0, sessions=400, num_items=90, longest=6)
    model = make_model(0, 90)
    found = calibrate(model, RERANKED, sessions, sessions)
    assert "reranked" in found.trials and found.chosen != "reranked"


def test_of_too_few_events_nothing_is_fitted():
    sessions = random_sessions(0, sessions=40, num_items=90, longest=6)
    model = make_model(0, 90)
    found = calibrate(model, RERANKED, sessions, sessions)
    assert "reranked" not in found.trials


def random_examples(events: int) -> Examples:
    """Return events whose target says nothing that the next ones could be told by."""
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(events, 20, FEATURES)))
    target = torch.from_numpy(rng.integers(-1, 20, events))
    return Examples(features.float(), target, np.arange(events) // 3)


def test_ranks_are_those_by_networks_of_other_sessions():
    examples = random_examples(1500)
    ranks = cross_fitted_ranks(examples, 20)
    folds = [*examples.folds()]
    assert (np.sum(folds, 0) == 1).all()
    for fold in folds:
        assert 0.2 < fold.mean() < 0.3
        assert not {*examples.session[fold]} & {*examples.session[~fold]}
        network = fit_network(examples.of(~fold))
        expected = examples.of(fold).rank(network, 20)
        assert ranks[fold].tolist() == expected.tolist()
    assert (ranks[examples.target.numpy() < 0] == 21).all()


def test_the_same_events_give_the_same_network(monkeypatch):
    examples = random_examples(600)
    torch.manual_seed(1)
    first = fit_network(examples)
    torch.manual_seed(2)
    assert fit_network(examples).encode() == first.encode()
    monkeypatch.setattr(reranking, "EPOCHS", 1)
    assert fit_network(examples).encode() != first.encode()


def test_what_is_learned_is_trusted_in_part(monkeypatch):
    examples = random_examples(600)
    scores = []
    for trust in (0, 0.5, 1):
        monkeypatch.setattr(reranking, "TRUST", trust)
        scores.append(fit_network(examples)(examples.features.double()))
    first, half, whole = scores
    torch.testing.assert_close(first, examples.features[..., 0].double())
    torch.testing.assert_close(2 * half, first + whole, rtol=1e-4, atol=1e-4)
    assert (whole - first).abs().mean() > 0.1


@torch.no_grad()
def test_an_item_without_direction_is_like_no_other():
    model = make_model(0, 12)
    model.item_embeddings.data[3] = 0
    items, clicks = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[2, 3, 0]])
    found = Likeness(model).of(items, clicks)[0]
    assert found.isfinite().all()
    assert found[1, 0] == pytest.approx(1) and not found[2].any()
    assert not found[:, 1:].any()


def test_a_network_is_for_calibration():
    with pytest.raises(ValueError, match=r"rerank \(true\) is for calibration"):
        RankingParams(rerank=True)
