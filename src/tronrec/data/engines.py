"""Which code runs a step of preparation: Polars on one machine, Spark on a cluster.

The type of the clicks decides, and the catalog decides that. Spark is imported only
where clicks are a Spark table.
"""

from importlib import import_module
from typing import Any

import polars as pl

Table = Any
"""Clicks: a `polars.LazyFrame` or a `pyspark.sql.DataFrame`."""


def engine_of(clicks: Table, step: str) -> Any:
    """Return the module of `tronrec.data` that does a step with such a table."""
    name = step if isinstance(clicks, pl.LazyFrame) else "spark"
    return import_module(f"tronrec.data.{name}")
