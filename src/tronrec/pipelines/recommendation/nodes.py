"""The node of recommendation; torch is imported when it runs."""

from collections.abc import Callable, Iterator

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.params import RecommendationParams

Parts = dict[str, pl.DataFrame | None]


def recommend_items(
    model: Checkpoint,
    live: pl.LazyFrame,
    params: RecommendationParams,
    device: str,
    last: dict[str, Callable[[], pl.DataFrame]],
) -> Iterator[tuple[Parts, dict[str, int]]]:
    """Yield the parts that are not there yet, each saved as it comes, and counts."""
    from tronrec.bulk import BulkRecommender

    recommender = BulkRecommender(model, params, device)
    for parts, counts in recommender.recommend(live, made=last.keys()):
        yield parts, counts.to_record()
