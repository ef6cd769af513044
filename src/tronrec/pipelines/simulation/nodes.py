"""The node of simulation."""

from collections.abc import Iterator

import polars as pl

from tronrec.data.simulate import simulate_clicks
from tronrec.params import SimulationParams


def simulate_raw_log(simulation: SimulationParams) -> Iterator[pl.DataFrame]:
    """Return the clicks, drawn while the data set saves them.

    Not a generator function itself: Kedro would save every frame as a log of its own.
    """
    return simulate_clicks(simulation)
