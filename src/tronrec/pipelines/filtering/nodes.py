"""The node of filtering."""

from tronrec.data.engine import DropCounts, Table, engine_of
from tronrec.params import FilteringParams


def filter_clicks(
    clicks: Table, params: FilteringParams, since: str | None, until: str | None
) -> tuple[Table, DropCounts]:
    """Drop what begins outside a time, short sessions, rare items, in this order."""
    engine = engine_of(clicks)
    within, outside = engine.keep_begun(clicks, since, until)
    kept, dropped = engine.filter_clicks(within, params)
    return kept, outside | dropped
