from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from reference import trained
from tronrec.checkpoint import DataFingerprints, ModelCard
from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.model_file import ModelFile
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams
from tronrec.retrieval.ranking_terms import RankingTerms

IDS = pl.Series("item_id", [30, 10, 20])


def sessions(*items: int) -> PackedSessions:
    return PackedSessions(np.array(items, np.int32), np.array([0, len(items)]))


def make_file(fit: PackedSessions) -> ModelFile:
    data = DataFingerprints(items=3, fit=fit.fingerprint(), validation="")
    card = ModelCard.model_construct(data=data)
    terms = RankingTerms(RankingParams(), None)
    model = Recommender(ModelParams(hidden_size=4, feed_forward=4), 3)
    return ModelFile(model, terms, IDS, np.ones(3, np.int64), card)


def test_a_model_is_measured_on_its_own_preparation() -> None:
    fit = sessions(1, 2, 3)
    file = make_file(fit)
    file.check_data(IDS.clone(), fit)
    with pytest.raises(UserError, match=r"other items \(3, and now 2\)"):
        file.check_data(IDS[:2], fit)
    with pytest.raises(UserError, match=r"\(3, and now as many, which differ"):
        file.check_data(IDS.sort(), fit)
    with pytest.raises(UserError, match=r"other sessions .* train it again"):
        file.check_data(IDS, sessions(1, 2))


def test_a_refreshed_model_says_where_it_was_measured() -> None:
    fit = sessions(1, 2, 3)
    file = make_file(fit)
    data = file.card.data.model_copy(update={"origin": "a"})
    refreshed = replace(file, card=ModelCard.model_construct(data=data))
    with pytest.raises(UserError, match=r"other sessions .* refresh_report.json says"):
        refreshed.check_data(IDS, sessions(1, 2))


def test_weights_that_are_not_finite_are_refused_and_named() -> None:
    broken = trained.make_file()
    name, weights = next(
        pair for pair in broken.model.named_parameters() if pair[0] != "item_embeddings"
    )
    weights.data.view(-1)[-1] = float("nan")
    with pytest.raises(UserError, match=f"weights {name} are not finite; train"):
        ModelFile.read(broken.checkpoint())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trend", float("inf")),
        ("successors.items", -1),
        ("successors.items", 10**6),
        ("successors.gains", float("nan")),
        ("popularity", float("nan")),
    ],
)
def test_damaged_ranking_terms_are_refused(name: str, value: float) -> None:
    damaged = "trend, successors or popularity are damaged; take"
    checkpoint = trained.make_file().checkpoint()
    ModelFile.read(checkpoint)
    checkpoint.tensors[name].view(-1)[-1] = value
    with pytest.raises(UserError, match=damaged):
        ModelFile.read(checkpoint)
    for rows in (0, -1):
        checkpoint.tensors[name] = checkpoint.tensors[name][:rows]
        with pytest.raises(UserError, match=damaged):
            ModelFile.read(checkpoint)
