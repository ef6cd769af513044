import torch

from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams


def test_export_and_load_keep_every_weight():
    model = Recommender(ModelParams(hidden_size=8, window=5), 11)
    exported = model.export(torch.arange(100, 111), epoch=3)
    loaded = Recommender.load(exported)
    assert exported.facts["epoch"] == 3
    assert loaded.num_items == 11
    assert loaded.params == model.params
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, loaded.state_dict()[name])


def test_padding_has_no_vector():
    assert not Recommender(ModelParams(hidden_size=8), 11).items[0].any()
