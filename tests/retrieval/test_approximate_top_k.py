import logging

import pytest
import torch

from reference.trained import make_file
from tronrec.errors import UserError
from tronrec.recommend import TrainedModel
from tronrec.retrieval import approximate_top_k
from tronrec.retrieval.approximate_top_k import ApproximateTopK
from tronrec.retrieval.exact_top_k import ExactTopK

ITEMS, SIZE, K = 3000, 12, 10


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make cells of tables that are small enough for a test."""
    monkeypatch.setattr(approximate_top_k, "SMALLEST", 20)
    monkeypatch.setattr(approximate_top_k, "MEMBERS", 40)


@pytest.fixture
def table() -> torch.Tensor:
    """Items of some kinds, in lengths of their own."""
    kinds = torch.randn(30, SIZE)
    of_kind = kinds[torch.randint(30, (ITEMS + 1,))]
    return (of_kind + 0.5 * torch.randn_like(of_kind)) * (
        0.5 + torch.rand(ITEMS + 1, 1)
    )


def best(index: ExactTopK, hidden: torch.Tensor, k: int) -> list[list[int]]:
    event, item, _ = index.search(hidden, k).sorted()
    return [item[event == row][:k].tolist() for row in range(len(hidden))]


def test_the_recall_that_is_told_is_that_of_the_lists(small, table):
    hidden = torch.randn(40, SIZE)
    index, exact = (
        ApproximateTopK(table, torch.float32),
        ExactTopK(table, torch.float32),
    )
    for wanted in (0.1, 0.7, 0.95):
        told = index.tune(hidden, K, wanted)
        pairs = zip(best(index, hidden, K), best(exact, hidden, K), strict=True)
        shares = [len(set(ours) & set(theirs)) / K for ours, theirs in pairs]
        assert told == pytest.approx(sum(shares) / len(shares), abs=1e-6)
        assert told >= wanted


def test_what_is_found_has_its_exact_score(small, table):
    hidden = torch.randn(7, SIZE)
    found = ApproximateTopK(table, torch.float32).search(hidden, K)
    expected = (hidden.double() @ table.double().T)[found.event, found.item]
    torch.testing.assert_close(found.score.double(), expected, atol=1e-4, rtol=1e-4)
    assert int(found.item.min()) >= 1


def test_a_list_that_the_cells_cannot_fill_is_exact(small, table):
    hidden, deep = torch.randn(5, SIZE), 1000
    index, exact = (
        ApproximateTopK(table, torch.float32),
        ExactTopK(table, torch.float32),
    )
    assert index.probes == 1
    assert best(index, hidden, deep) == best(exact, hidden, deep)


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_a_broken_state_is_refused(small, table, value):
    hidden = torch.randn(2, SIZE)
    hidden[1, 3] = value
    with pytest.raises(UserError, match="scores are not finite"):
        ApproximateTopK(table, torch.float32).search(hidden, K)


def test_a_small_catalogue_is_searched_exactly(table):
    with pytest.raises(UserError, match=r"of 3,000 items.*set search to exact"):
        ApproximateTopK(table, torch.float32)


def test_a_model_says_how_much_it_finds(small, caplog, tmp_path):
    path = tmp_path / "model.safetensors"
    make_file().checkpoint().save(path)
    with caplog.at_level(logging.INFO, "tronrec.recommend"):
        model = TrainedModel.load(path, "cpu", search="approximate")
    assert "of the exact best 20, of 256 sessions" in caplog.text
    exact = TrainedModel.load(path, "cpu")
    sessions = [[item] for item in model.item_ids[:20]]
    ours, theirs = (m.recommend(sessions, 10) for m in (model, exact))
    pairs = ours.join(theirs, on=["session", "item"], how="inner")
    assert pairs.height >= 0.9 * theirs.height
    assert (pairs["score"] - pairs["score_right"]).abs().max() < 1e-4
