"""The stages behind ingestion, whatever their tables are: one contract, two engines.

Polars runs them on one machine, Spark on a cluster. The type of the clicks decides, and
the catalog decides that. Spark is imported only where clicks are a Spark table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import polars as pl

from tronrec.data import polars_engine
from tronrec.params import FilteringParams, SplittingParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkTable

Table = TypeVar("Table", pl.LazyFrame, "SparkTable")
"""The clicks of an engine."""

DropCounts = dict[str, int]
"""For which reason -> number of clicks dropped."""

Record = dict[str, Any]
"""What a held-out period is (`periods.judge_period`), ready for JSON."""


class Engine(Protocol[Table]):
    """The stages from the clicks table to what is packed."""

    def keep_begun(
        self, clicks: Table, since: str | None, until: str | None
    ) -> tuple[Table, DropCounts]:
        """Return the sessions that begin within a time."""

    def filter_clicks(
        self, clicks: Table, params: FilteringParams
    ) -> tuple[Table, DropCounts]:
        """Drop short sessions, then rare items, then sessions that became short."""

    def split_clicks(
        self, clicks: Table, params: SplittingParams, *, min_session_length: int
    ) -> tuple[Table, Table, DropCounts, Record]:
        """Return the clicks of the training period and of the test sessions."""

    def hold_out_validation(
        self, train: Table, params: SplittingParams, *, min_session_length: int
    ) -> tuple[Table, Table, DropCounts, Record]:
        """Return the clicks to fit, and those to choose the epoch on."""

    def index_items(self, train: Table) -> pl.DataFrame:
        """Number the items of the training period from 1, the most clicked first."""

    def describe(self, clicks: Table) -> dict[str, Any]:
        """Return the statistics of clicks, ready for JSON."""

    def first_clicks(self, train: Table) -> pl.DataFrame:
        """Return each item with the time of its first click."""

    def clicks_by_day(self, clicks: Table) -> pl.DataFrame:
        """Return each day that has clicks with their number, in order."""

    def count_clicks(self, clicks: Table) -> int:
        """Return the number of clicks."""

    def to_polars(self, clicks: Table) -> pl.LazyFrame:
        """Return sessions, items and times of the clicks, in their order."""


def engine_of(clicks: Table) -> Engine[Table]:
    """Return the engine for such clicks."""
    if isinstance(clicks, pl.LazyFrame):
        return polars_engine
    from tronrec.data import spark_engine

    return spark_engine
