"""Recommendations for a whole table of clicks: by the definition, part by part."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from reference.data import random_sessions
from reference.trained import ITEMS, make_file
from tronrec.answers import Request
from tronrec.bulk import BulkRecommender, Counts
from tronrec.errors import UserError
from tronrec.evaluation.ranking import rank_targets
from tronrec.params import RecommendationParams
from tronrec.schemas import ITEM, SESSION

UNKNOWN = "gone"


def clicks_of(sessions: list[list[str]]) -> pl.LazyFrame:
    """Return a table of clicks; the numbers of sessions are in no order."""
    numbers = [7 * number % 1009 for number in range(len(sessions))]
    rows = [
        (number, item)
        for number, session in zip(numbers, sessions, strict=True)
        for item in session
    ]
    return pl.LazyFrame(rows, {SESSION: pl.Int64, ITEM: pl.String}, orient="row")


def recommender(file=None, **params) -> BulkRecommender:
    checkpoint = (file or make_file()).checkpoint()
    return BulkRecommender(checkpoint, RecommendationParams(**params), "cpu")


def recommend(clicks: pl.LazyFrame, **params) -> tuple[pl.DataFrame, Counts]:
    parts, counts = {}, Counts()
    for made, counted in recommender(**params).recommend(clicks):
        parts |= made
        counts = counted
    return pl.concat(parts.values()), counts


ids = make_file().item_ids.to_list()
sessions = st.lists(
    st.lists(st.sampled_from([*ids, UNKNOWN]), min_size=1, max_size=12),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25)
@given(
    sessions, st.integers(1, 60), st.booleans(), st.integers(1, 9), st.integers(1, 9)
)
def test_each_session_gets_what_it_gets_alone(asked, k, exclude_seen, batch, part):
    table, counts = recommend(
        clicks_of(asked),
        k=k,
        exclude_seen=exclude_seen,
        batch_size=batch,
        sessions_of_a_part=part,
    )
    known = [[item for item in session if item != UNKNOWN] for session in asked]
    answers = recommender().model.answer(
        [Request(session, k, exclude_seen=exclude_seen) for session in known]
    )
    expected = [
        (7 * number % 1009, rank, item)
        for number, answer in enumerate(answers)
        if not answer.fallback
        for rank, item in enumerate(answer.items, start=1)
    ]
    assert list(table.select("session", "rank", "item").iter_rows()) == expected
    scores = [s for a in answers if not a.fallback for s in a.scores]
    assert table["score"].to_list() == pytest.approx(scores, abs=1e-4)
    clicks = sum(map(len, asked))
    skipped = sum(not session for session in known)
    unknown = clicks - sum(map(len, known))
    recommended = len(asked) - skipped
    assert counts == Counts(len(asked), recommended, skipped, clicks, unknown)


@pytest.mark.parametrize("plain", [False, True])
def test_lists_are_those_that_were_evaluated(plain):
    """Each prefix of a session as a session of its own: the rank of what came next."""
    file = make_file(plain=plain, text=True)
    packed = random_sessions(5, sessions=40, num_items=ITEMS, longest=15)
    ranks = rank_targets(file.model, file.terms, packed, depth=5).ranks
    prefixes, targets = [], []
    for clicks in np.split(packed.items, packed.offsets[1:-1]):
        names = [ids[number - 1] for number in clicks]
        prefixes += [names[:end] for end in range(1, len(names))]
        targets += names[1:]
    parts: dict = {}
    bulk = recommender(make_file(plain=plain), k=5, batch_size=16)
    for made, _ in bulk.recommend(clicks_of(prefixes)):
        parts |= made
    items = pl.concat(parts.values())["item"].to_numpy().reshape(-1, 5)
    for rank, target, listed in zip(ranks, targets, items, strict=True):
        assert [*listed, target].index(target) + 1 == rank


def random_clicks(seed: int, count: int = 200) -> pl.LazyFrame:
    packed = random_sessions(seed, sessions=count, num_items=ITEMS, longest=9)
    split = np.split(packed.items, packed.offsets[1:-1])
    return clicks_of([[ids[number - 1] for number in clicks] for clicks in split])


def test_an_interrupted_run_goes_on_to_the_same_parts():
    clicks = random_clicks(1)
    size = {"sessions_of_a_part": 30}
    whole: dict = {}
    for parts, counted in recommender(**size).recommend(clicks):
        whole |= parts
        counts = counted
    assert len(whole) == 7
    begun: dict = {}
    for parts, _ in itertools.islice(recommender(**size).recommend(clicks), 4):
        begun |= parts
    assert 0 < len(begun) < len(whole)
    rest: dict = {}
    for parts, counted in recommender(**size).recommend(clicks, made=begun.keys()):
        assert not parts.keys() & begun.keys()
        rest |= parts
        counted_again = counted
    assert counted_again == counts
    assert (begun | rest).keys() == whole.keys()
    for name, table in (begun | rest).items():
        assert_frame_equal(table, whole[name])


@pytest.mark.parametrize("change", [{"k": 3}, {"exclude_seen": True}, {"seed": 1}, {}])
def test_parts_of_anything_else_go(change):
    size = {"sessions_of_a_part": 30}
    before: set[str] = set()
    for parts, _ in recommender(**size).recommend(random_clicks(1)):
        before |= parts.keys()
    file = make_file(change.pop("seed", 0))
    clicks = random_clicks(1 if change else 2, 100)
    after: dict = {}
    for parts, _ in recommender(file, **size, **change).recommend(clicks, made=before):
        after |= parts
    assert {name for name, table in after.items() if table is None} == before
    assert sum(table is not None for table in after.values()) == 4


def test_what_is_not_of_this_shop_is_refused():
    numbers = pl.LazyFrame({SESSION: [1, 1], ITEM: [2, 3]})
    with pytest.raises(UserError, match="items of type Int64, and the model's are Str"):
        next(recommender().recommend(numbers))
    with pytest.raises(UserError, match="have no clicks"):
        next(recommender().recommend(clicks_of([])))
