"""The node of filtering."""

from tronrec.data.engines import Table, engine_of
from tronrec.params import FilteringParams


def filter_clicks(
    clicks: Table, params: FilteringParams
) -> tuple[Table, dict[str, int]]:
    """Drop short sessions, then rare items, then sessions that became short."""
    kept: tuple[Table, dict[str, int]] = engine_of(clicks, "filtering").filter_clicks(
        clicks, params
    )
    return kept
