"""Shop ids in, ranked shop ids out: by the definition, whatever comes together."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tronrec
from reference.data import make_state, random_sessions
from reference.ranking import scores_of_all
from reference.trained import ITEMS, make_file
from tronrec.answers import Request
from tronrec.checkpoint import Checkpoint
from tronrec.errors import UserError
from tronrec.evaluation.ranking import rank_targets
from tronrec.model_file import ModelFile
from tronrec.recommend import ItemNumbers, TrainedModel

cpu = torch.device("cpu")


def best(file: ModelFile, session: list[int], allowed: set[int]) -> list[float]:
    """Return the scores of the items that are allowed, the best first."""
    scores = scores_of_all(file.model, file.terms, session)
    return sorted((scores[item - 1] for item in allowed), reverse=True)


numbers = st.integers(1, ITEMS)


@st.composite
def requests(draw) -> Request:
    """A request in item numbers; 41 and 42 are not known."""
    unknown = st.integers(1, ITEMS + 2)
    return Request(
        draw(st.lists(unknown, max_size=12)),
        draw(st.integers(1, 60)),
        draw(st.lists(unknown, max_size=30)),
        draw(st.booleans()),
        draw(st.none() | st.lists(unknown, max_size=30)),
    )


def in_ids(request: Request, ids: list[object]) -> Request:
    """Return a request of item numbers in the ids of a shop."""
    names = dict(enumerate(ids, start=1))

    def translate(items):
        return items and [names.get(item, f"gone-{item}") for item in items]

    return replace(
        request,
        session=translate(request.session),
        exclude=translate(request.exclude),
        allow=translate(request.allow),
    )


@settings(max_examples=60)
@given(st.lists(requests(), max_size=8), st.booleans(), st.integers(0, 99))
def test_answers_are_the_best_of_what_is_allowed(asked, plain, seed):
    """Requests of all kinds that come together, each by the definition."""
    file = make_file(seed, plain=plain)
    ids = file.item_ids.to_list()
    model = TrainedModel(make_file(seed, plain=plain), cpu)
    answers = model.answer([in_ids(request, ids) for request in asked])
    for request, answer in zip(asked, answers, strict=True):
        session = [item for item in request.session if item <= ITEMS]
        allowed = set(range(1, ITEMS + 1) if request.allow is None else request.allow)
        allowed &= set(range(1, ITEMS + 1))
        allowed -= set(request.exclude)
        allowed -= set(session) if request.exclude_seen else set()
        count = min(request.k, len(allowed))
        found = [1 + ids.index(item) for item in answer.items]
        assert len(found) == count == len(set(found)) and set(found) <= allowed
        assert answer.fallback == (not session)
        assert len(answer.unknown) == len(request.session) - len(session)
        assert answer.scores == sorted(answer.scores, reverse=True)
        if session:
            expected = best(file, session, allowed)[:count]
            scores = scores_of_all(file.model, file.terms, session)
            assert answer.scores == pytest.approx(expected, abs=1e-4)
            assert [scores[item - 1] for item in found] == pytest.approx(
                expected, abs=1e-4
            )


def test_a_session_without_a_known_item_gets_what_is_clicked_most_of_late():
    file = make_file()
    expected = np.log(file.item_counts) + file.terms.trend[1:].numpy()
    for session in ([], ["gone"]):
        [answer] = TrainedModel(make_file(), cpu).answer([Request(session, k=5)])
        assert answer.fallback and answer.unknown == session
        order = np.argsort(-expected)[:5]
        assert answer.items == file.item_ids[order].to_list()
        assert answer.scores == pytest.approx(expected[order].tolist())


@pytest.mark.parametrize("text", [False, True])
def test_a_frame_has_a_row_for_each_recommendation(text, caplog):
    file = make_file(text=text)
    model = TrainedModel(file, cpu)
    first, second = file.item_ids[:2]
    table = model.recommend([[first], [], [second, first, "gone"]], k=3)
    assert table.schema == {
        "session": pl.Int64,
        "rank": pl.Int64,
        "item": pl.String if text else pl.Int64,
        "score": pl.Float32,
    }
    assert table["session"].to_list() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert table["rank"].to_list() == 3 * [1, 2, 3]
    assert "1 clicks are on items that the model does not know" in caplog.text
    alone = model.recommend([[second, first]], k=3)
    assert table["item"].tail(3).to_list() == alone["item"].to_list()
    assert model.recommend([], k=3).schema == table.schema


def test_what_only_looks_like_an_id_is_none():
    model = TrainedModel(make_file(text=False), cpu)
    [answer] = model.answer([Request(["100", 100.0, True, 100])])
    assert answer.unknown == ["100", 100.0, True]


@pytest.mark.parametrize("k", [0, -1, 1001])
def test_a_length_out_of_range_is_refused(k):
    with pytest.raises(UserError, match=rf"k = {k}: must be from 1 to 1,000"):
        TrainedModel(make_file(), cpu).recommend([["sku-0100"]], k=k)


@pytest.mark.parametrize("plain", [False, True])
def test_what_is_recommended_is_what_was_evaluated(plain, tmp_path):
    """Recall@5 counted from the lists is that of the ranks, event for event."""
    path = tmp_path / "model.safetensors"
    make_file(plain=plain).checkpoint().save(path)
    model = tronrec.load(path)
    file = ModelFile.read(Checkpoint.load(path))
    sessions = random_sessions(3, sessions=30, num_items=ITEMS, longest=15)
    ranks = rank_targets(file.model, file.terms, sessions, depth=5).ranks
    prefixes, targets = [], []
    for clicks in np.split(sessions.items, sessions.offsets[1:-1]):
        prefixes += [clicks[:end] for end in range(1, len(clicks))]
        targets += clicks[1:].tolist()
    ids = file.item_ids.to_list()
    requests = [Request([ids[n - 1] for n in prefix], k=5) for prefix in prefixes]
    answers = model.answer(requests)
    for rank, target, answer in zip(ranks, targets, answers, strict=True):
        listed = [*answer.items, ids[target - 1]].index(ids[target - 1]) + 1
        assert listed == rank


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "model.safetensors"
    written = make_file()
    written.checkpoint().save(path)
    read = ModelFile.read(Checkpoint.load(path))
    assert read.card == written.card
    assert read.item_ids.equals(written.item_ids)
    assert np.array_equal(read.item_counts, written.item_counts)
    assert torch.equal(read.terms.trend, written.terms.trend)
    for name, weights in written.model.state_dict().items():
        assert torch.equal(weights, read.model.state_dict()[name])


def test_what_is_no_model_is_refused_by_name(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(UserError, match="no such file; the train_"):
        tronrec.load(path)
    Checkpoint({}, make_state(epochs=1)).save(path)
    with pytest.raises(UserError, match="no finished model"):
        tronrec.load(path)


def test_the_front_door_is_light_and_complete(python):
    for name in tronrec.__all__:
        assert getattr(tronrec, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = tronrec.lode
    found = python("-c", "import sys, tronrec; print('torch' in sys.modules)")
    assert found.stdout == "False\n", found.stderr


@given(st.sets(st.integers(-(2**63), 2**63 - 1), min_size=1), st.data())
def test_numbers_of_items_are_found_by_id(ids, data):
    ids = data.draw(st.permutations(sorted(ids)))
    numbers = ItemNumbers(pl.Series(ids))
    texts = ItemNumbers(pl.Series(map(str, ids)))
    expected = {item: row for row, item in enumerate(ids, start=1)}
    for item in [*ids, data.draw(st.integers()), 2**63, -(2**64)]:
        assert numbers.find(item) == texts.find(str(item)) == expected.get(item)
        assert texts.find(item) is numbers.find(str(item)) is None
    for item in ids:
        assert numbers.find(np.int64(item)) == expected[item]
    for item in (True, False, 1.0, float("nan")):
        assert numbers.find(item) is texts.find(item) is None
