"""Dates and lengths that a user can state, and what is said of senseless ones."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tronrec.errors import UserError
from tronrec.params import SplittingParams, parse_moment
from tronrec.systems import resolve_parameters


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2017-10-18", datetime(2017, 10, 18, tzinfo=UTC)),
        ("2017-10-18 06:30", datetime(2017, 10, 18, 6, 30, tzinfo=UTC)),
        ("2017-10-18T06:30:00.5Z", datetime(2017, 10, 18, 6, 30, 0, 500_000, UTC)),
        ("2017-10-18T00:30+02:00", datetime(2017, 10, 17, 22, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment
    assert SplittingParams(until=text).until == text


def test_a_date_may_be_one_of_pythons() -> None:
    assert SplittingParams(since=date(2017, 10, 1)).since == "2017-10-01"


@pytest.mark.parametrize(
    ("splitting", "problem"),
    [
        (
            {"until": "18.10.2017"},
            ".until: '18.10.2017' is no date or time, such as 2017-10-18 or "
            "2017-10-18T06:00Z",
        ),
        (
            {"since": 20171018},
            ".since: 20171018 is no date or time, such as 2017-10-18",
        ),
        ({"until": "2017-02-29"}, ".until: '2017-02-29' is no date or time"),
        ({"since": "0001-01-01T00:00+05:00"}, ".since: '0001-01-01T00:00+05:00' is no"),
        (
            {"since": "2017-10-18", "until": "2017-10-18T02:00+02:00"},
            ": since (2017-10-18) is not before until (2017-10-18T02:00+02:00); change",
        ),
        (
            {"test_share": 0.1},
            ": test_days (7) and test_share (0.1) both say how much is held out; set "
            "one of them to null",
        ),
        (
            {"validation_share": 0.1, "validation_days": 0},
            ": validation_days (0) and validation_share (0.1) both say",
        ),
        (
            {"test_days": None},
            ": test_days and test_share are both null; set one of them",
        ),
        ({"test_share": 10}, ".test_share = 10: must be less than 1"),
        ({"min_predictions": 0}, ".min_predictions = 0: must be greater than or equal"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    splitting: dict[str, Any], problem: str
) -> None:
    parameters = {"systems": {"tron_plus": None}, "shop": {"splitting": splitting}}
    with pytest.raises(UserError) as error:
        resolve_parameters(parameters, ["shop"])
    (line,) = str(error.value).splitlines()[1:]
    assert line.startswith(f"  shop.splitting{problem}")


def test_either_length_holds() -> None:
    params = SplittingParams(test_days=None, test_share=0.25)
    assert str(params.length_of("test")) == "splitting.test_share (0.25)"
    assert str(params.length_of("validation")) == "splitting.validation_days (1)"
