"""The nodes of simulation."""

from collections.abc import Iterator

import polars as pl

from tronrec.data import shop, simulate
from tronrec.params import SimulationParams


def simulate_raw_log(simulation: SimulationParams) -> Iterator[pl.DataFrame]:
    """Return the clicks, drawn while the data set saves them.

    Not a generator function itself: Kedro would save every frame as a log of its own.
    """
    return simulate.simulate_clicks(simulation)


def describe_items(simulation: SimulationParams) -> pl.DataFrame:
    """Return a title for each item."""
    return shop.describe_items(simulation)
