"""The node of filtering."""

from tronrec.data.engine import DropCounts, Table, engine_of
from tronrec.params import FilteringParams


def filter_clicks(clicks: Table, params: FilteringParams) -> tuple[Table, DropCounts]:
    """Drop short sessions, then rare items, then sessions that became short."""
    return engine_of(clicks).filter_clicks(clicks, params)
