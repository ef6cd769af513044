"""The nodes of splitting. A small period stops a run only if it will be measured on."""

from tronrec.data.engine import DropCounts, Record, Table, engine_of
from tronrec.data.periods import refuse_small, warn_of
from tronrec.params import FilteringParams, SplittingParams

Divided = tuple[Table, Table, DropCounts, Record]


def split_clicks(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    """Return training and test clicks, drops by reason, the record of the test."""
    divided = _split(clicks, filtering, params)
    warn_of(divided[-1])
    return divided


def split_clicks_to_measure(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    """Return the same; refuse a test period that is too small to measure on."""
    divided = _split(clicks, filtering, params)
    refuse_small(divided[-1])
    return divided


def hold_out_validation(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    """Return the clicks to fit, those to choose the epoch on, drops and record."""
    divided = _hold_out(train, filtering, params)
    warn_of(divided[-1])
    return divided


def hold_out_validation_to_measure(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    """Return the same; refuse a validation period that is too small to choose on."""
    divided = _hold_out(train, filtering, params)
    refuse_small(divided[-1])
    return divided


def _split(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    return engine_of(clicks).split_clicks(
        clicks, params, min_session_length=filtering.min_session_length
    )


def _hold_out(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    return engine_of(train).hold_out_validation(
        train, params, min_session_length=filtering.min_session_length
    )
