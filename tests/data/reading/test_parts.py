"""The parts of a log: each is read once, or refused by its name."""

import os
import re
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from tronrec.data.reading.parts import find_parts
from tronrec.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "events.csv"
    fill(folder / "part-1.csv")
    return folder


def fill(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)


def find(folder: Path) -> list[str]:
    paths = find_parts(LocalFileSystem(), str(folder))
    return [str(Path(path).relative_to(folder.parent)) for path in paths]


def refuse(folder: Path, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        find(folder)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "hidden",
    ["_temporary/0", ".ipynb_checkpoints", "__MACOSX", "day=2022-08-01/_temporary/1"],
)
def test_hidden_folders_are_passed_over_at_any_depth(folder: Path, hidden: str) -> None:
    fill(folder / hidden / "part-0.csv")
    for name in ("_SUCCESS", ".part-1.csv.crc"):
        fill(folder / name)
    assert find(folder) == ["events.csv/part-1.csv"]


def test_folders_of_hive_are_read_in_the_order_of_their_names(folder: Path) -> None:
    for name in ("day=2022-08-02/b", "day=2022-08-01/_hour=2/a", "day=2022-08-01/c"):
        fill(folder / name)
    assert find(folder) == [
        "events.csv/day=2022-08-01/_hour=2/a",
        "events.csv/day=2022-08-01/c",
        "events.csv/day=2022-08-02/b",
        "events.csv/part-1.csv",
    ]


def test_a_delta_table_is_refused(folder: Path) -> None:
    fill(folder / "_delta_log" / "0.json")
    refuse(folder, "events.csv: a Delta table")


@pytest.mark.parametrize("packings", [("", ".gz"), (".gz", ".zst"), ("", ".zst")])
def test_two_sources_of_one_name_are_refused(
    packings: tuple[str, str], tmp_path: Path
) -> None:
    for packing in packings:
        fill(tmp_path / f"events.csv{packing}")
    refuse(tmp_path / "events.csv", *(f"events.csv{packing}" for packing in packings))


def test_a_file_beside_a_folder_is_refused(folder: Path) -> None:
    fill(folder.with_name("events.csv.gz"))
    refuse(folder, "events.csv and ", "events.csv.gz: are both there")


def test_a_part_beside_its_packed_copy_is_refused(folder: Path) -> None:
    fill(folder / "day=1" / "part-1.csv.gz")
    assert len(find(folder)) == 2
    fill(folder / "part-1.csv.gz")
    refuse(folder, "events.csv/part-1.csv and ", "events.csv/part-1.csv.gz")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_two_names_of_one_file_are_refused(folder: Path, link) -> None:
    link(folder / "part-1.csv", folder / "part-2.csv")
    refuse(folder, "part-1.csv and ", "part-2.csv")


def test_links_to_elsewhere_are_read(folder: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere" / "b")
    fill(tmp_path / "file")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "a").symlink_to(tmp_path / "file")
    assert find(folder)[:2] == ["events.csv/a", "events.csv/linked/b"]


def test_a_link_to_a_folder_above_is_refused(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to(folder)
    refuse(folder, "deep/up: a link to a folder that it is in")


def test_a_dangling_link_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "part-2.csv").symlink_to("/nonexistent/part")
    refuse(folder, "part-2.csv: a link to /nonexistent/part, which is not there")
    (tmp_path / "test-events.csv").symlink_to("/nonexistent/part")
    refuse(tmp_path / "test-events.csv", "a link to /nonexistent/part")


def test_what_is_no_file_is_named(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    refuse(folder, "events.csv/pipe: no file")


def test_an_empty_folder_is_named(folder: Path) -> None:
    (folder / "part-1.csv").rename(folder / "_part-1.csv")
    refuse(folder, "events.csv: the folder has no parts")


def test_a_name_that_is_no_text_is_shown(folder: Path) -> None:
    (folder / os.fsdecode(b"part\xff\n")).symlink_to("/nonexistent")
    with pytest.raises(UserError, match=re.escape(r"part\udcff\n: a link")):
        find(folder)


def test_a_folder_that_cannot_be_listed_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder / "deep" / "part-2.csv")
    list_folder = LocalFileSystem.ls

    def refuse_deep(self: LocalFileSystem, path: str, **options: bool) -> list[dict]:
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return list_folder(self, path, **options)

    monkeypatch.setattr(LocalFileSystem, "ls", refuse_deep)
    with pytest.raises(OSError, match="denied"):
        find(folder)


def test_parts_lie_on_any_file_system() -> None:
    filesystem = fsspec.filesystem("memory")
    for name in ("b", "a/c", "_temporary/d", ".e"):
        filesystem.pipe(f"/lake/events.csv/{name}", b"x")
    parts = find_parts(filesystem, "/lake/events.csv")
    assert parts == ["/lake/events.csv/a/c", "/lake/events.csv/b"]
    assert find_parts(filesystem, "/lake/test-events.csv") == []
    filesystem.rm("/lake", recursive=True)


def test_a_pattern_stands_for_what_fits_it(tmp_path: Path) -> None:
    for name in (
        *("clicks-2.csv", "clicks-1.csv.gz", "clicks-10.csv", "clicks-3.csv/part-0"),
        *("clicks-4.csv.bak", "orders-1.csv", ".clicks-5.csv", "more/clicks-6.csv"),
    ):
        fill(tmp_path / name)
    names = ["clicks-1.csv.gz", "clicks-10.csv", "clicks-2.csv", "clicks-3.csv/part-0"]
    assert find(tmp_path / "clicks-*.csv") == names
    assert find(tmp_path / "clicks-?.csv") == [n for n in names if "10" not in n]
    assert find(tmp_path / "nothing-*.csv") == []
    assert find(tmp_path / "nowhere" / "*.csv") == []
    fill(tmp_path / "clicks-2.csv.zst")
    refuse(tmp_path / "clicks-*.csv", "clicks-2.csv and", "clicks-2.csv.zst: are both")


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    for name in ("clicks[1].csv", "clicks1.csv"):
        fill(tmp_path / name)
    assert find(tmp_path / "clicks[1].csv") == ["clicks[1].csv"]
