"""The Spark engine against Polars, row for row, on a local Spark."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reference.clicks import EPOCH, Click, Log, in_order, table
from tronrec.data import encoding, filtering, splitting, statistics, time_limits
from tronrec.data.packed import PackedSessions
from tronrec.data.simulate import simulate_clicks
from tronrec.errors import UserError
from tronrec.params import FilteringParams, SimulationParams, SplittingParams
from tronrec.schemas import CLICKS, SESSION, TEST_FILE

pyspark = pytest.importorskip("pyspark", reason="the extra spark is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # Spark's own


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config(
            "spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        )
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "America/St_Johns")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture
def adaptive(spark: Any) -> Iterator[None]:
    """Let Spark plan anew after each stage: its default, and slow for few rows."""
    spark.conf.set("spark.sql.adaptive.enabled", "true")
    yield
    spark.conf.set("spark.sql.adaptive.enabled", "false")


def simulated() -> Log:
    params = SimulationParams(sessions=1500, items=300, categories=6, days=10)
    frames = pl.concat(list(simulate_clicks(params)))
    in_test = pl.col(TEST_FILE).first().over(SESSION)
    kept = frames.filter(pl.col(TEST_FILE) == in_test)
    return in_order([Click(*row) for row in kept.iter_rows()])


LOG = simulated()
TIED = [
    Click(s, (s * 7 + i) % 5, EPOCH + timedelta(hours=6 * s + i // 3))
    for s in range(30)
    for i in range(4)
]


NO_DAYS = {"test_days": None, "validation_days": None}


def as_spark(spark: Any, clicks: pl.LazyFrame, path: Path) -> Any:
    clicks.with_row_index("position").cast({"position": pl.Int64}).sink_parquet(path)
    return spark.read.parquet(str(path)).repartition(5)


def stored(clicks: Any, path: Path) -> Any:
    """Write a table and read it again, as the catalog does between two stages."""
    clicks.write.parquet(str(path))
    return clicks.sparkSession.read.parquet(str(path))


def rows_of(clicks: Any) -> pl.DataFrame:
    ordered = clicks.orderBy("position").drop("position")
    return pl.DataFrame(ordered.toArrow()).cast(CLICKS)


@pytest.mark.parametrize("log", [LOG, TIED], ids=["simulated", "tied"])
@pytest.mark.parametrize(("shortest", "support"), [(2, 1), (3, 7), (4, 30)])
def test_filtering_is_that_of_polars(
    spark: Any, log: Log, shortest: int, support: int, tmp_path: Path
) -> None:
    from tronrec.data import spark_engine as engine

    params = FilteringParams(min_session_length=shortest, min_item_support=support)
    raw = as_spark(spark, table(log), tmp_path / "clicks.parquet")
    try:
        ours, our_drops = filtering.filter_clicks(table(log), params)
    except UserError:
        with pytest.raises(UserError, match="No session is left"):
            engine.filter_clicks(raw, params)
        return
    theirs, their_drops = engine.filter_clicks(raw, params)
    assert their_drops == our_drops
    assert_frame_equal(rows_of(theirs), ours.collect())
    assert_frame_equal(engine.index_items(theirs), encoding.index_items(ours))


@pytest.mark.parametrize(
    ("log", "params"),
    [
        (LOG, SplittingParams(by="files", trim=True)),
        (LOG, SplittingParams(test_days=2, trim=True, validation_days=0.5)),
        (LOG, SplittingParams(test_days=2, session_time="last_click")),
        (
            LOG,
            SplittingParams(
                **NO_DAYS, test_share=0.3, validation_share=0.07, trim=True
            ),
        ),
        (
            TIED,
            SplittingParams(
                test_days=1, from_midnight=True, validation_days=0, min_predictions=1
            ),
        ),
        (
            TIED,
            SplittingParams(
                **NO_DAYS,
                test_share=0.07,
                validation_share=0.1,
                session_time="last_click",
                min_predictions=1,
            ),
        ),
    ],
)
def test_all_stages_are_those_of_polars(
    spark: Any, log: Log, params: SplittingParams, tmp_path: Path
) -> None:
    from tronrec.data import spark_engine as engine

    few = FilteringParams(min_session_length=2, min_item_support=4)
    ours, our_drops = filtering.filter_clicks(table(log), few)
    raw = as_spark(spark, table(log), tmp_path / "clicks.parquet")
    theirs, their_drops = engine.filter_clicks(raw, few)
    assert their_drops == our_drops
    theirs = stored(theirs, tmp_path / "filtered")
    assert_frame_equal(rows_of(theirs), ours.collect())
    train, their_train = ours, theirs
    for rule in ("split_clicks", "hold_out_validation"):
        *parts, drops, period = getattr(splitting, rule)(
            train, params, min_session_length=2
        )
        *found, found_drops, found_period = getattr(engine, rule)(
            their_train, params, min_session_length=2
        )
        assert found_drops == drops
        assert found_period == period
        found = [stored(p, tmp_path / f"{rule}{n}") for n, p in enumerate(found)]
        for part, their_part in zip(parts, found, strict=True):
            assert_frame_equal(rows_of(their_part), part.collect())
            assert engine.describe(their_part) == statistics.describe(part)
        train, their_train = parts[0], found[0]
    items = encoding.index_items(train)
    assert_frame_equal(engine.index_items(their_train), items)
    births = statistics.first_clicks(train)
    assert_frame_equal(engine.first_clicks(their_train), births)
    packed = PackedSessions.from_clicks(engine.to_polars(their_train), items)
    assert (
        packed.fingerprint() == PackedSessions.from_clicks(train, items).fingerprint()
    )


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (None, None),
        ("2022-08-03T05:00+02:00", None),
        (None, "2022-08-05"),
        ("2022-08-02", "2022-08-05T12:30"),
        ("2023-01-01", None),
    ],
)
def test_what_is_outside_a_time_is_that_of_polars(
    spark: Any, since: str | None, until: str | None, tmp_path: Path
) -> None:
    from tronrec.data import spark_engine as engine

    raw = as_spark(spark, table(TIED), tmp_path / "clicks.parquet")
    try:
        ours, our_drops = time_limits.keep_begun(table(TIED), since, until)
    except UserError as error:
        with pytest.raises(UserError, match=re.escape(str(error))):
            engine.keep_begun(raw, since, until)
        return
    theirs, their_drops = engine.keep_begun(raw, since, until)
    assert their_drops == our_drops
    assert_frame_equal(rows_of(theirs), ours.collect())
    assert_frame_equal(engine.clicks_by_day(theirs), statistics.clicks_by_day(ours))


@pytest.mark.usefixtures("adaptive")
def test_adaptive_plans_change_nothing(spark: Any, tmp_path: Path) -> None:
    test_filtering_is_that_of_polars(spark, LOG, 3, 7, tmp_path)


def test_a_table_without_an_order_is_refused(spark: Any, tmp_path: Path) -> None:
    from tronrec.data import spark_engine as engine

    clicks = as_spark(spark, table(TIED), tmp_path / "clicks.parquet")
    with pytest.raises(UserError, match="lacks the column position"):
        engine.filter_clicks(clicks.drop("position"), FilteringParams())


def test_an_empty_period_says_what_to_change(spark: Any, tmp_path: Path) -> None:
    from tronrec.data import spark_engine as engine

    clicks = as_spark(spark, table(TIED), tmp_path / "clicks.parquet")
    with pytest.raises(UserError, match=r"change splitting\.test_days"):
        engine.split_clicks(clicks, SplittingParams(test_days=99), min_session_length=2)
