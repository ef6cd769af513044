import torch

from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, SystemParams


def test_export_and_load_keep_every_weight():
    model = Recommender(ModelParams(hidden_size=8, window=5), 11)
    system = SystemParams(model=model.params)
    ids = torch.arange(100, 111)
    exported = model.export(ids, name="mine", system=system, epoch=3)
    loaded = Recommender.load(exported)
    assert (exported.facts["system"], exported.facts["epoch"]) == ("mine", 3)
    assert loaded.num_items == 11
    assert loaded.params == model.params
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, loaded.state_dict()[name])


def test_padding_has_no_vector():
    assert not Recommender(ModelParams(hidden_size=8), 11).items[0].any()
