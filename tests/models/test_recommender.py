import pytest
import torch

from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender
from tronrec.ops import unit_rows
from tronrec.params import ModelParams


def test_padding_has_no_vector():
    assert not Recommender(ModelParams(hidden_size=8), 11).item_embeddings[0].any()


def test_cosines_keep_items_at_length_one():
    params = ModelParams(hidden_size=8, temperature=0.1)
    torch.manual_seed(0)
    model = Recommender(params, 11)
    assert not model.item_embeddings[0].any()
    rows = torch.tensor([0, 3, 7])
    model.item_embeddings[[3, 7, 9]] *= 5
    model.renormalize(rows)
    lengths = model.item_embeddings.norm(dim=1)
    assert lengths[0] == 0
    torch.testing.assert_close(lengths[[1, 3, 7]], torch.ones(3))
    assert lengths[9] > 4


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_only_rows_that_are_named_are_brought_to_length_one(
    members, threads, monkeypatch
):
    monkeypatch.setattr(unit_rows, "SHARE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    params = ModelParams(hidden_size=6, temperature=0.1, members=members)
    model = Recommender(params, 30)
    table = model.item_embeddings
    table[1:] = torch.randn(30, 6 * members)
    rows, before = torch.randperm(31)[:12], table.clone()
    model.renormalize(rows)
    expected = before.clone()
    for row in rows:
        parts = before[row].view(members, 6).double()
        lengths = parts.norm(dim=1, keepdim=True).clamp(min=1e-12)
        expected[row] = (parts / lengths).flatten().float()
    torch.testing.assert_close(table.data, expected)
    others = [row for row in range(31) if row not in rows]
    assert torch.equal(table[others], before[others])


def test_scores_are_cosines_by_the_temperature():
    params = ModelParams(hidden_size=8, window=5, temperature=0.1, dropout=0)
    model = Recommender(params, 11).eval()
    items = torch.tensor([4, 2, 9])
    layout = Layout(torch.zeros(3, dtype=torch.long), torch.arange(3), 3)
    with torch.no_grad():
        scores = model(items, layout) @ model.item_embeddings[1:].T
    assert scores.abs().max() <= 10 + 1e-4
    torch.testing.assert_close(model(items, layout).norm(dim=1), torch.full((3,), 10.0))


def test_products_are_left_alone():
    model = Recommender(ModelParams(hidden_size=8), 11)
    before = model.item_embeddings.clone()
    model.renormalize(torch.arange(12))
    assert torch.equal(model.item_embeddings, before)
