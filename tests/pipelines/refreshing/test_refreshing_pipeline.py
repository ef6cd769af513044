"""A refresh sees the newest days only, and takes the place of nothing but the model."""

from datetime import timedelta

import pytest

from reference.clicks import EPOCH, Click, rows, table
from tronrec.errors import UserError
from tronrec.params import FilteringParams, RefreshParams, SplittingParams
from tronrec.pipelines import refreshing
from tronrec.pipelines.refreshing.nodes import keep_window


def session(number: int, day: float) -> list[Click]:
    return [Click(number, item, EPOCH + timedelta(days=day)) for item in (5, 6)]


LOG = [
    click for n, day in enumerate([0, 1, 1.5, 2.2, 3.9]) for click in session(n, day)
]


def window(days: int, **splitting: object) -> tuple[list[Click], dict[str, int]]:
    kept, drops = keep_window(
        table(LOG),
        FilteringParams(min_item_support=1),
        SplittingParams.model_validate(splitting),
        RefreshParams(window_days=days),
    )
    return rows(kept), drops


@pytest.mark.parametrize(
    ("days", "splitting", "first", "last"),
    [
        (2, {}, 3, 5),
        (3, {}, 1, 5),
        (9, {}, 0, 5),
        (9, {"since": "2022-08-02T06:00"}, 2, 5),
        (2, {"until": "2022-08-03"}, 0, 3),
        (2, {"until": "2022-08-03T06:00"}, 1, 4),
    ],
)
def test_the_window_is_so_many_days_and_the_newest_one_is_among_them(
    days: int, splitting: dict[str, str], first: int, last: int
) -> None:
    kept, drops = window(days, **splitting)
    assert kept == LOG[2 * first : 2 * last]
    assert sum(drops.values()) == len(LOG) - len(kept)
    if not splitting:
        assert drops["before the window"] == 2 * first


def test_a_session_that_goes_on_after_the_end_is_no_newer_day() -> None:
    log = [*session(0, 0), *session(1, 1), Click(1, 7, EPOCH + timedelta(days=5))]
    kept, _ = keep_window(
        table(log),
        FilteringParams(min_item_support=1),
        SplittingParams(until="2022-08-03"),
        RefreshParams(window_days=2),
    )
    assert rows(kept) == log


def test_nothing_can_be_judged_where_nothing_is_held_out() -> None:
    with pytest.raises(UserError, match=r"validation_days \(0\): a refresh is judged"):
        window(3, validation_days=0)


def test_only_the_model_is_replaced() -> None:
    pipeline = refreshing.create_pipeline()
    outside = {n for n in pipeline.all_outputs() if not n.startswith("refresh.")}
    assert outside == {"model", "refresh_report"}
    inputs = {n for n in pipeline.inputs() if not n.startswith("params:")}
    assert inputs == {"raw_log", "former_model", "refresh.last_checkpoints"}
    assert not [n for n in pipeline.inputs() if n.startswith("params:refresh.")]
