"""Small random models as a training would leave them, for tests."""

import numpy as np
import polars as pl
import torch

from reference.data import make_card, random_sessions
from reference.reranking import make_network
from tronrec.model_file import ModelFile
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams, SystemParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.reranker import count_popularity
from tronrec.retrieval.successors import count_successors

ITEMS = 40


def make_file(
    seed: int = 0,
    *,
    plain: bool = False,
    text: bool = True,
    items: int = ITEMS,
    **model: object,
) -> ModelFile:
    """Return a model of items 100, 101, … or sku-0100, …

    Args:
        seed: Of all weights.
        plain: Whether scores have no terms.
        text: Whether ids are text.
        items: Size of the catalogue.
        model: Parameters of the encoder that differ.
    """
    torch.manual_seed(seed)
    ranking = RankingParams()
    if not plain:
        ranking = RankingParams(
            trend=0.5,
            repeat_gains=(0, 2, 1),
            count_gain=0.7,
            successors=0.5,
            reranker=make_network(seed),
        )
    shape = {"hidden_size": 8, "feed_forward": 8, "window": 6, "layers": 1}
    params = ModelParams.model_validate(shape | model)
    system = SystemParams(model=params, ranking=ranking)
    recommender = Recommender(params, items).eval()
    recommender.item_embeddings.data[1:].normal_()
    terms = RankingTerms(ranking, None)
    if not plain:
        known = random_sessions(seed, sessions=4 * items, num_items=items, longest=5)
        successors = count_successors([known], items)
        popularity = count_popularity([known], items)
        trend = torch.randn(items + 1)
        terms = RankingTerms.of(ranking, trend, successors, popularity)
    numbers = range(100, 100 + items)
    ids = [f"sku-{number:04}" for number in numbers] if text else list(numbers)
    card = make_card(epoch=1).model_copy(update={"parameters": system})
    counts = np.random.default_rng(seed).integers(1, 99, items)
    return ModelFile(recommender, terms, pl.Series("item_id", ids), counts, card)
