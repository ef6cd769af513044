"""What the columns of a log are taken for."""

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reference.layouts import LAYOUTS, draw_events
from tronrec.errors import UserError
from tronrec.first_look.columns import Found, find_columns
from tronrec.first_look.proposal import read_options
from tronrec.first_look.sample import open_first, read_sample


def look(path: Path, **given: Any) -> Found:
    return find_columns(read_sample(open_first(str(path)), None, given), given)


ROLES = {
    "rees46": ("user_session", None, "product_id", "event_time", "event_type"),
    "retailrocket": (None, "visitorid", "itemid", "timestamp", "event"),
    "hm": (None, "customer_id", "article_id", "t_dat", None),
    "dressipi": ("session_id", None, "item_id", "date", None),
    "amazon": (None, "reviewerID", "asin", "unixReviewTime", None),
    "movielens": (None, "1", "2", "4", None),
    "movielens_csv": (None, "userId", "movieId", "timestamp", None),
    "otto_parquet": ("session", None, "aid", "ts", "type"),
}
"""Layout -> the columns of session, visitor, item, time and type."""


@pytest.mark.parametrize("name", LAYOUTS)
def test_public_layouts_are_told(name: str, tmp_path: Path) -> None:
    LAYOUTS[name].write(tmp_path, draw_events())
    (file,) = [*(tmp_path / name.removesuffix("_csv")).iterdir()]
    found = look(file)
    roles = ("session", "visitor", "item", "time", "type")
    assert tuple(found.columns.get(role) for role in roles) == ROLES[name]
    assert found.session_gap == {"hm": "1d"}.get(
        name, None if found.columns["session"] else "30m"
    )
    item = LAYOUTS[name].name_item(1)
    kind = "text" if isinstance(item, str) else "integer"
    assert found.columns["item_type"] == kind


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def rows(line: str, count: int = 30) -> str:
    """Return lines in which `#` is the number of the line, and `%` of a visit."""
    return "".join(
        line.replace("#", f"{n:02}").replace("%", str(n // 4)) + "\n"
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("header", "line", "layout"),
    [
        ("visit;sku;at", "v%;A-#;2022-08-01T12:00:#Z", {"separator": ";"}),
        ("visit\tsku\tat", "v%\tA-#\t2022-08-01 12:00:#", {"separator": "\t"}),
        ("visit,sku,at", '"v%","A,#",2022-08-01 12:00:#', {}),
        ("visit,sku,at", 'v%,A"#,2022-08-01 12:00:#', {"quotes": False}),
        ("", "v%|A-#|16593256#", {"separator": "|", "header": False}),
        ("", "v%::A-#::16593256#", {"separator": "::", "header": False}),
    ],
)
def test_the_layout_of_csv_is_told(
    header: str, line: str, layout: dict[str, Any], tmp_path: Path
) -> None:
    text = f"{header}\n{rows(line)}" if header else rows(line)
    columns = look(write(tmp_path / "clicks.csv", text)).columns
    options = ("separator", "header", "quotes")
    assert {name: columns[name] for name in options if name in columns} == layout
    names = ["1", "2", "3"] if not header else ["visit", "sku", "at"]
    assert [columns[role] for role in ("session", "item", "time")] == names


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("#", "text"),  # 00, 01: the zero would be lost
        ("9#", "integer"),
        ("-9#", "integer"),
        ("90000000000000000#", "integer"),
        ("93000000000000000#0", "text"),  # more than 64 bits
        ("A#", "text"),
    ],
)
def test_ids_are_text_where_a_number_would_lose_something(
    item: str, kind: str, tmp_path: Path
) -> None:
    text = "session,item,time\n" + rows(f"%,{item},2022-08-01 12:00:#")
    assert look(write(tmp_path / "clicks.csv", text)).columns["item_type"] == kind


@pytest.mark.parametrize("digits", [10, 13, 16, 19])
def test_the_unit_of_times_is_told_by_their_size(digits: int, tmp_path: Path) -> None:
    time = "16593256#" + "0" * (digits - 10)
    text = "session,item,time\n" + rows(f"%,i#,{time}")
    unit = look(write(tmp_path / "clicks.csv", text)).columns["time_unit"]
    assert unit == {10: "s", 13: "ms", 16: "us", 19: "ns"}[digits]


def test_reviews_of_a_person_are_one_session(tmp_path: Path) -> None:
    text = "user,item,date\n" + rows("%,i#,2022-08-#", 28)
    text = text.replace("2022-08-00", "2022-08-28")
    found = look(write(tmp_path / "reviews.csv", text))
    assert (found.columns["session"], found.session_gap) == ("user", None)
    assert found.whole_visitors


def test_types_are_told_by_their_values(tmp_path: Path) -> None:
    line = "%,i#,2022-08-01 12:00:#,"
    text = "session,item,time,x\n" + rows(line + "Page_View") + rows(line + "order")
    found = look(write(tmp_path / "clicks.csv", text))
    assert (found.columns["type"], found.columns["click"]) == ("x", ["Page_View"])
    assert found.guessed == ["type"]
    assert look(tmp_path / "clicks.csv", type=None).columns["type"] is None


def test_what_is_given_wins(tmp_path: Path) -> None:
    text = "session,user,item,sku,time\n" + rows("%,u%,i#,s#,2022-08-01 12:00:#")
    file = write(tmp_path / "clicks.csv", text)
    found = look(file)
    assert (found.columns["session"], found.visitor) == ("session", "user")
    found = look(file, item="sku", session=None, time_zone="Europe/Berlin")
    assert [found.columns[n] for n in ("session", "visitor", "item", "time_zone")] == [
        None,
        "user",
        "sku",
        "Europe/Berlin",
    ]


def test_parquet_and_json_keep_their_types(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "session": [str(n) for n in range(30)],
            "item": range(30),
            "time": pl.Series([1659325600000000] * 30).cast(pl.Datetime("us")),
            "parts": [[1, 2]] * 30,
        }
    )
    table.write_parquet(tmp_path / "clicks.parquet")
    lines = table.with_columns(pl.col("time").cast(pl.String)).write_ndjson()
    (tmp_path / "clicks.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("clicks.parquet", "clicks.jsonl.gz"):
        columns = look(tmp_path / name).columns
        assert (columns["session_type"], columns["item_type"]) == ("text", "integer")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "clicks: no lines; is it the right file?"),
        (b"\n\n", "clicks: no lines; is it the right file?"),
        (b"session,item,time\n", "clicks: a header and no rows"),
        (b"one\ntwo\n", "clicks: no column looks separated by '::' ','"),
        (b"[{}]", "clicks: a JSON array; write one object a line"),
        (b'{"a": 1}\n{"a"', "clicks:2: no whole JSON object"),
        (b"a,b\nc,\xff\n", "clicks:2: not UTF-8; convert the file"),
        (b"PK\x03\x04", "clicks: a zip archive; make it plain, .gz or .zst"),
        (b"PAR1", "clicks: cannot be read"),
        (b"a,b\n1,x\n", "no column looks like session or item or time among a, b"),
        (b"a,a\n1,1\n", "clicks: no column looks like"),
    ],
)
def test_a_file_that_cannot_be_told_is_one_message(
    data: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "clicks").write_bytes(data)
    with pytest.raises(UserError) as error:
        look(tmp_path / "clicks")
    assert problem in str(error.value)


def test_options_are_names_and_values() -> None:
    texts = ["item=sku,session=null", "separator=,,header=false", "click=a,click=b"]
    assert read_options([*texts, "click=c"]) == {
        "item": "sku",
        "session": None,
        "separator": ",",
        "header": "false",
        "click": ["a", "b", "c"],
    }
    with pytest.raises(UserError, match=r"--columns=sku: must be name=value"):
        read_options(["sku"])
