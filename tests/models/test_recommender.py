import pytest
import torch

from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, SystemParams


@pytest.mark.parametrize("trend", [0, 0.5])
def test_export_and_load_keep_every_weight(trend):
    model = Recommender(ModelParams(hidden_size=8, window=5, trend=trend), 11)
    if trend:
        model.trend.normal_()
    system = SystemParams(model=model.params)
    ids = torch.arange(100, 111)
    exported = model.export(ids, name="mine", system=system, epoch=3)
    loaded = Recommender.load(exported)
    assert (exported.facts["system"], exported.facts["epoch"]) == ("mine", 3)
    assert loaded.num_items == 11
    assert loaded.params == model.params
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, loaded.state_dict()[name])
    assert torch.equal(model.candidates(), loaded.candidates())


def test_padding_has_no_vector():
    assert not Recommender(ModelParams(hidden_size=8), 11).items[0].any()


def test_cosines_keep_items_at_length_one():
    params = ModelParams(hidden_size=8, temperature=0.1)
    torch.manual_seed(0)
    model = Recommender(params, 11)
    assert not model.items[0].any()
    rows = torch.tensor([0, 3, 7])
    model.items[[3, 7, 9]] *= 5
    model.settle(rows)
    lengths = model.items.norm(dim=1)
    assert lengths[0] == 0
    torch.testing.assert_close(lengths[[1, 3, 7]], torch.ones(3))
    assert lengths[9] > 4


def test_scores_are_cosines_by_the_temperature():
    params = ModelParams(hidden_size=8, window=5, temperature=0.1, dropout=0)
    model = Recommender(params, 11).eval()
    items = torch.tensor([4, 2, 9])
    layout = Layout(torch.zeros(3, dtype=torch.long), torch.arange(3), 3)
    with torch.no_grad():
        scores = model(items, layout) @ model.items[1:].T
    assert scores.abs().max() <= 10 + 1e-4
    torch.testing.assert_close(model(items, layout).norm(dim=1), torch.full((3,), 10.0))


def test_products_are_left_alone():
    model = Recommender(ModelParams(hidden_size=8), 11)
    before = model.items.clone()
    model.settle(torch.arange(12))
    assert torch.equal(model.items, before)


@pytest.mark.parametrize("item_bias", [False, True])
def test_a_trend_adds_to_the_scores_of_training(item_bias):
    torch.manual_seed(0)
    params = ModelParams(hidden_size=8, window=5, trend=0.5, item_bias=item_bias)
    model = Recommender(params, 11).eval()
    model.items.data.normal_()
    model.trend.normal_()
    items = torch.tensor([4, 2, 9])
    layout = Layout(torch.zeros(3, dtype=torch.long), torch.arange(3), 3)
    with torch.no_grad():
        trained = model.encode(model.items[items], layout) @ model.items.T
        scores = model(items, layout) @ model.candidates().T
    torch.testing.assert_close(scores, trained + 0.5 * model.trend)
