"""The nodes of splitting. A small period stops a run only if it will be measured on."""

from collections.abc import Callable

from tronrec.data.engine import DropCounts, Record, Table, engine_of
from tronrec.data.periods import refuse_small, warn_of
from tronrec.params import FilteringParams, SplittingParams

Divided = tuple[Table, Table, DropCounts, Record]
Tell = Callable[[Record], None]
"""What is done about the record of a period that is too small."""


def split_clicks(
    clicks: Table,
    filtering: FilteringParams,
    params: SplittingParams,
    tell: Tell = warn_of,
) -> Divided[Table]:
    """Return training and test clicks, drops by reason, the record of the test."""
    divided = engine_of(clicks).split_clicks(
        clicks, params, min_session_length=filtering.min_session_length
    )
    tell(divided[-1])
    return divided


def split_clicks_to_measure(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    """Return the same; refuse a test period that is too small to measure on."""
    return split_clicks(clicks, filtering, params, refuse_small)


def hold_out_validation(
    train: Table,
    filtering: FilteringParams,
    params: SplittingParams,
    tell: Tell = warn_of,
) -> Divided[Table]:
    """Return the clicks to fit, those to choose the epoch on, drops and record."""
    divided = engine_of(train).hold_out_validation(
        train, params, min_session_length=filtering.min_session_length
    )
    tell(divided[-1])
    return divided


def hold_out_validation_to_measure(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> Divided[Table]:
    """Return the same; refuse a validation period that is too small to choose on."""
    return hold_out_validation(train, filtering, params, refuse_small)
