"""A model is ranked on another catalogue as it would answer there, event by event."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference import trained
from reference.data import random_sessions
from tronrec.answers import Request
from tronrec.data.packed import PackedSessions
from tronrec.evaluation.by_id import rank_by_id
from tronrec.evaluation.ranking import rank_targets
from tronrec.model_file import ModelFile
from tronrec.recommend import TrainedModel

DEPTH = 7


def served_ranks(
    file: ModelFile, sessions: PackedSessions, ids: pl.Series
) -> list[int]:
    """Return where each click stands in what is recommended after those before it."""
    model = TrainedModel(file, torch.device("cpu"))
    found = []
    for clicks in np.split(sessions.items, sessions.offsets[1:-1]):
        shown = [ids[int(number) - 1] for number in clicks]
        for place in range(1, len(shown)):
            [answer] = model.answer([Request(shown[:place], k=DEPTH)])
            items = [*answer.items, shown[place]]
            found.append(items.index(shown[place]) + 1)
    return found


@given(
    seed=st.integers(0, 999),
    plain=st.booleans(),
    text=st.booleans(),
    known=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)
def test_ranks_are_those_of_what_is_served(seed, plain, text, known):
    file = trained.make_file(seed, plain=plain, text=text)
    counts = np.random.default_rng(seed).permutation(trained.ITEMS) + 1  # no ties
    file = ModelFile(file.model, file.terms, file.item_ids, counts, file.card)
    shared = file.item_ids.sample(fraction=known, shuffle=True, seed=seed)
    new = [f"new-{n}" if text else -n for n in range(1, 9)]
    ids = pl.concat([shared, pl.Series("item_id", new)]).sample(
        fraction=1, shuffle=True, seed=seed
    )
    sessions = random_sessions(seed, sessions=8, num_items=len(ids), longest=12)
    expected = served_ranks(file, sessions, ids)
    for batch_size in (3, 1024):
        ranks = rank_by_id(file, sessions, ids, depth=DEPTH, batch_size=batch_size)
        assert ranks.tolist() == expected


@pytest.mark.parametrize("plain", [True, False])
def test_on_its_own_catalogue_ranks_are_those_of_the_evaluation(plain):
    file = trained.make_file(plain=plain)
    sessions = random_sessions(0, sessions=30, num_items=trained.ITEMS, longest=12)
    ranks = rank_by_id(file, sessions, file.item_ids)
    assert np.array_equal(ranks, rank_targets(file.model, file.terms, sessions).ranks)


def test_what_is_clicked_as_often_as_the_target_is_ahead_of_it():
    file = trained.make_file(plain=True)
    counts = np.full(trained.ITEMS, 3)
    counts[:4] = 5
    file = ModelFile(file.model, file.terms, file.item_ids, counts, file.card)
    ids = pl.Series("item_id", ["new", file.item_ids[2], file.item_ids[9]])
    sessions = PackedSessions(
        np.array([1, 2, 1, 3], np.int32), np.array([0, 2, 4], np.int64)
    )
    assert rank_by_id(file, sessions, ids, depth=40).tolist() == [4, 40]
