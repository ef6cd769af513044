import copy

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reference import ranking as reference
from reference.data import random_sessions
from reference.model import hidden_states
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.evaluation.ranking import cut_windows, rank_targets
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams
from tronrec.retrieval.ranking_terms import RankingTerms

PLAIN = RankingTerms(RankingParams(), None)


def make_model(seed: int, num_items: int, window: int = 4) -> Recommender:
    torch.manual_seed(seed)
    params = ModelParams(hidden_size=8, feed_forward=8, window=window, layers=1)
    return Recommender(params, num_items)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, 25))
def test_ranks_match_the_definition(seed, num_items, depth):
    """Sessions past the window too: every event has its own last clicks (trap 6)."""
    model = make_model(seed, num_items)
    sessions = random_sessions(seed, sessions=5, num_items=num_items, longest=9)
    assume(reference.are_clear(model, PLAIN, sessions))
    ranking = rank_targets(model, PLAIN, sessions, depth=depth)
    expected = np.array(reference.ranks(model, PLAIN, sessions))
    assert ranking.ranks.tolist() == np.minimum(expected, depth + 1).tolist()


@given(
    st.integers(0, 2**32),
    st.sampled_from([None, 0.2]),
    st.sampled_from([0, 0.7]),
    st.lists(st.floats(-3, 3), max_size=6),
    st.sampled_from([0, 0, 1.5, -0.4]),
    st.sampled_from([1, 1, 2]),
)
def test_trend_and_repeats_are_part_of_the_score(  # noqa: PLR0913, PLR0917 - drawn
    seed, temperature, trend, gains, count_gain, members
):
    torch.manual_seed(seed)
    params = ModelParams(
        hidden_size=8,
        feed_forward=8,
        window=4,
        temperature=temperature,
        members=members,
    )
    model = Recommender(params, 12)  # so few that sessions repeat themselves
    ranking = RankingParams(trend=trend, repeat_gains=gains, count_gain=count_gain)
    terms = RankingTerms(ranking, torch.randn(13) if trend else None)
    sessions = random_sessions(seed, sessions=5, num_items=12, longest=9)
    assume(reference.are_clear(model, terms, sessions))
    expected = np.array(reference.ranks(model, terms, sessions))
    found = rank_targets(model, terms, sessions, depth=5).ranks
    assert found.tolist() == np.minimum(expected, 6).tolist()


def test_repeats_are_shown_where_their_gain_puts_them():
    model = Recommender(ModelParams(hidden_size=8, window=4), 50)
    terms = RankingTerms(RankingParams(repeat_gains=[0, 100]), None)
    sessions = PackedSessions(np.array([7, 3, 1], np.int32), np.array([0, 3]))
    shown = rank_targets(model, terms, sessions, depth=5).best_rank_by_item
    assert shown[7 - 1] == 1
    assert (shown <= 5).sum() <= 10


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 70))
def test_every_event_counts_once_whatever_the_batch_size(seed, batch_size):
    """The last, smaller batch is not dropped (trap 4)."""
    model = make_model(seed, 30)
    sessions = random_sessions(seed, sessions=9, num_items=30, longest=12)
    assume(reference.are_clear(model, PLAIN, sessions))
    one = rank_targets(model, PLAIN, sessions, batch_size=10_000)
    many = rank_targets(model, PLAIN, sessions, batch_size=batch_size)
    assert len(one.ranks) == len(sessions.items) - len(sessions)
    assert one.ranks.tolist() == many.ranks.tolist()
    assert one.best_rank_by_item.tolist() == many.best_rank_by_item.tolist()


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_windows_give_each_event_the_clicks_before_it(seed, window):
    sessions = random_sessions(seed, sessions=6, num_items=9, longest=20)
    cut = cut_windows(sessions, window)
    seen = []
    for start, end, last in zip(cut.starts, cut.ends, cut.last_only, strict=True):
        events = [end - 1] if last else range(start + 1, end)
        seen += [(event, start) for event in events]
    expected = [
        (event, max(start, event - window))
        for start, end in zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)
        for event in range(start + 1, end)
    ]
    assert seen == expected


@pytest.mark.parametrize("twins", [2, 5, 40])
def test_ties_count_against_the_target(twins):
    """Items with the target's very vector rank before it (trap 1)."""
    model = make_model(0, 50)
    model.item_embeddings.data[1 : twins + 1] = model.item_embeddings.data[1]
    sessions = PackedSessions(np.array([7, 1], np.int32), np.array([0, 2]))
    [rank] = rank_targets(model, PLAIN, sessions, depth=50).ranks
    with torch.no_grad():
        hidden = hidden_states(copy.deepcopy(model), torch.tensor([7]))[-1]
    scores = model.item_embeddings[1:].double() @ hidden
    assert rank == twins + int((scores[twins:] > scores[0]).sum())


@pytest.mark.parametrize("size", [99, 100, 104])
def test_a_model_that_tells_no_items_apart_finds_nothing(size):
    """Wherever their equal vectors lie, and with a bias, a number more (trap 1)."""
    torch.manual_seed(size)
    params = ModelParams(hidden_size=size, window=4, layers=1, item_bias=True)
    model = Recommender(params, 60)
    model.item_embeddings.data[1:] = torch.randn(size + 1)
    sessions = random_sessions(0, sessions=60, num_items=60, longest=6)
    assert (rank_targets(model, PLAIN, sessions, depth=20).ranks > 20).all()


def test_half_precision_ties_are_told_apart():
    """Scores that are equal in bfloat16 are ranked by float32 (trap 1)."""
    model = make_model(0, 400)
    direction = torch.randn(8)
    steps = 1 + 1e-5 * torch.randperm(400)[:, None]
    model.item_embeddings.data[1:] = direction * steps
    sessions = random_sessions(0, sessions=20, num_items=400, longest=4)
    found = rank_targets(model, PLAIN, sessions, depth=400).ranks
    assert found.tolist() == reference.ranks(model, PLAIN, sessions)
    assert len(set(found.tolist())) > len(found) / 2


@pytest.mark.parametrize("part", ["item_embeddings", "encoder.norm.bias"])
def test_a_broken_model_is_refused(part):
    """NaN compares false with everything: it must not look like rank 1."""
    model = make_model(0, 30)
    model.get_parameter(part).data[3] = torch.nan
    sessions = random_sessions(0, sessions=3, num_items=30, longest=4)
    with pytest.raises(UserError, match="not finite"):
        rank_targets(model, PLAIN, sessions)
