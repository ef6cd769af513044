"""The nodes of splitting."""

import polars as pl

from tronrec.data import splitting
from tronrec.params import FilteringParams, SplittingParams


def split_clicks(
    clicks: pl.LazyFrame, filtering: FilteringParams, params: SplittingParams
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks of the training period and of the test sessions."""
    return splitting.split_clicks(
        clicks, params, min_session_length=filtering.min_session_length
    )


def hold_out_validation(
    train: pl.LazyFrame, filtering: FilteringParams, params: SplittingParams
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the clicks to fit and those to choose the epoch on."""
    return splitting.hold_out_validation(
        train, params, min_session_length=filtering.min_session_length
    )
