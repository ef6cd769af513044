import torch

from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender
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
