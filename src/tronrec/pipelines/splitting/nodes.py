"""The nodes of splitting."""

from tronrec.data.engine import DropCounts, Table, engine_of
from tronrec.params import FilteringParams, SplittingParams


def split_clicks(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> tuple[Table, Table, DropCounts]:
    """Return the clicks of the training period and of the test sessions."""
    return engine_of(clicks).split_clicks(
        clicks, params, min_session_length=filtering.min_session_length
    )


def hold_out_validation(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> tuple[Table, Table, DropCounts]:
    """Return the clicks to fit and those to choose the epoch on."""
    return engine_of(train).hold_out_validation(
        train, params, min_session_length=filtering.min_session_length
    )
