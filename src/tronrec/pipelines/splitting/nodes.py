"""The nodes of splitting."""

from tronrec.data.engines import Table, engine_of
from tronrec.params import FilteringParams, SplittingParams

Parts = tuple[Table, Table, dict[str, int]]


def split_clicks(
    clicks: Table, filtering: FilteringParams, params: SplittingParams
) -> Parts:
    """Return the clicks of the training period and of the test sessions."""
    parts: Parts = engine_of(clicks, "splitting").split_clicks(
        clicks, params, min_session_length=filtering.min_session_length
    )
    return parts


def hold_out_validation(
    train: Table, filtering: FilteringParams, params: SplittingParams
) -> Parts:
    """Return the clicks to fit and those to choose the epoch on."""
    parts: Parts = engine_of(train, "splitting").hold_out_validation(
        train, params, min_session_length=filtering.min_session_length
    )
    return parts
