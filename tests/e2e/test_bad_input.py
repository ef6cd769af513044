"""What a user can get wrong: one clear message, and nothing half-written."""

import gzip
from pathlib import Path

import pytest

from .conftest import Shop

HEADER = "session_id;user_id;item_id;timeframe;eventdate\n"
ROW = "{0};NA;{1};{0}000;2016-05-{2:02}\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for name in ("diginetica", "otto", "yoochoose"):
        (tmp_path / name).mkdir()
    return tmp_path


def write(path: Path, text: str) -> None:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def rows(days: int, clicks: int = 3) -> str:
    """Return a session a day on the same few items."""
    return HEADER + "".join(
        ROW.format(day, item, day)
        for day in range(1, days + 1)
        for item in range(clicks)
    )


OTTO = '{"session":%d,"events":[{"aid":1,"ts":1661200010000,"type":"clicks"}]}\n'

CASES = {
    "a torn JSON line in the middle of a gzip file": (
        "otto",
        "otto-recsys-train.jsonl.gz",
        OTTO % 1 + OTTO[:40] % 2 + "\n" + OTTO % 3,
        ["otto-recsys-train.jsonl.gz:2: "],
    ),
    "a missing column": (
        "diginetica",
        "train-item-views.csv",
        "session_id;item_id;timeframe;eventdate\n1;2;3;2016-05-01\n",
        ["train-item-views.csv:1: wrong header", "expected session_id;user_id"],
    ),
    "text where a number belongs": (
        "diginetica",
        "train-item-views.csv",
        rows(20) + "7;NA;many;0;2016-05-01\n",
        ["train-item-views.csv:62: ", "many"],
    ),
    "an empty file": (
        "yoochoose",
        "yoochoose-clicks.dat",
        "",
        ["yoochoose-clicks.dat: no events"],
    ),
    "a time out of range": (
        "yoochoose",
        "yoochoose-clicks.dat",
        "1,1970-01-01T00:00:00.000Z,5,0\n",
        ["yoochoose-clicks.dat:1: the time must be valid and from 1990 to 2099"],
    ),
    "no session left after filtering": (
        "diginetica",
        "train-item-views.csv",
        rows(20, clicks=1),
        ["session"],
    ),
    "an empty test period": (
        "diginetica",
        "train-item-views.csv",
        rows(20) + ROW.format(21, 77, 30) * 2,
        ["splitting.test_days"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_data(case: str, raw: Path, open_shop):
    dataset, name, text, expected = CASES[case]
    write(raw / dataset / name, text)
    shop: Shop = open_shop()
    error = shop.fail(f"--pipeline=train_{dataset}", f"--params=raw_root={raw}")
    for part in expected:
        assert part in error
    assert not [name for name in shop.files() if "sessions" in name or "/." in name]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("otto.training.epohs=3", "otto.training.epohs: unknown parameter; did you"),
        ("otto.model.dropout=1.5", "otto.model.dropout = 1.5: must be less than 1"),
        ("otto.system=tron_xxl", "otto.system = tron_xxl: unknown; "),
        ("otto.training.epochs=many", "otto.training.epochs = 'many': "),
        ("otto.sampling.top_k=99", "top_k (99) exceeds the negatives (47)"),
    ],
)
def test_bad_parameters(params: str, expected: str, open_shop):
    shop: Shop = open_shop()
    assert expected in shop.fail("--pipeline=train_otto", f"--params={params}")
    assert not shop.files()


def test_a_model_that_was_never_trained(otto: Shop, open_shop):
    shop: Shop = open_shop()
    shop.run("--pipeline=prepare_otto", f"--params=raw_root={otto.data / '01_raw'}")
    error = shop.fail("--pipeline=evaluate_otto")
    assert "otto.history, otto.model: `kedro run --pipelines=train_otto` makes" in error
