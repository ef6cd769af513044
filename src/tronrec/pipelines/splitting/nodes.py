"""The nodes of splitting."""

from tronrec.data.engine import DropCounts, Record, Table, engine_of
from tronrec.params import FilteringParams, SplittingParams


def split_clicks(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> tuple[Table, Table, DropCounts, Record]:
    """Return training and test clicks, drops by reason, the record of the test."""
    return engine_of(clicks).split_clicks(
        clicks, params, min_session_length=filtering.min_session_length
    )


def hold_out_validation(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> tuple[Table, Table, DropCounts, Record]:
    """Return the clicks to fit, those to choose the epoch on, drops and record."""
    return engine_of(train).hold_out_validation(
        train, params, min_session_length=filtering.min_session_length
    )
