"""The node of recommendation; torch is imported when it runs."""

from collections.abc import Callable, Iterator

import polars as pl

from tronrec.checkpoint import Checkpoint
from tronrec.data.reading import naming
from tronrec.params import IngestionParams, RecommendationParams

Parts = dict[str, pl.DataFrame | None]


def name_ids(
    clicks: pl.LazyFrame,
    events: pl.LazyFrame,
    item_ids: pl.DataFrame,
    params: IngestionParams,
) -> pl.LazyFrame:
    """Return the clicks with the ids of the log: those of sessions come out again."""
    return naming.name_ids(clicks, events, item_ids, params)


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
