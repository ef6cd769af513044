"""Folders of parts as they come: each is read whole, or refused by the name of a part.

`TRONREC_EXAMPLES` is the number of folders that are drawn; a few by default.
"""

import gzip
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tronrec.data.formats import FORMATS
from tronrec.data.reading.ingest import scan_events
from tronrec.data.reading.log import find_raw_log
from tronrec.errors import UserError
from tronrec.params import IngestionParams
from tronrec.schemas import SESSION

EXAMPLES = int(os.environ.get("TRONREC_EXAMPLES", "40"))

HEADER = "session_id,item_id,timestamp\n"
PACK = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}

folders = st.sampled_from(
    [
        *("", "a", "a/b", "ü [x]*", "day=2022-08-01", "_day=1"),
        *("_temporary", "_temporary/0", "a/__MACOSX", ".ipynb_checkpoints"),
    ]
)
names = st.sampled_from(
    [
        *("part-0.csv", "part-0.csv.gz", "part-0.csv.zst", "part-1.csv", "a"),
        *("part 2?.csv", "part-\udcff.csv", "day=2022-08-01"),
        *("_SUCCESS", ".part-0.csv.crc"),
    ]
)
contents = st.sampled_from(["clicks", "nothing", "a header", "a mark"])
targets = st.sampled_from(
    ["../outside", "../folder", ".", "..", "part-0.csv", "a", "a/part-0.csv", "gone"]
)
files = st.tuples(st.just("file"), contents, st.sampled_from(list(PACK)))
links = st.tuples(st.sampled_from(["link", "hard link"]), targets)
others = st.sampled_from([("pipe",), ("folder",)])
steps = st.tuples(folders, names, files | files | files | links | others)


def write(number: int, content: str, packing: str) -> bytes:
    """Return a part with two clicks of a session of its own."""
    clicks = f"{number},5,2022-08-01T00:00:00Z\n" * 2
    text = {
        "clicks": HEADER + clicks,
        "nothing": "",
        "a header": HEADER,
        "a mark": "\ufeff" + HEADER + clicks + "\r\n\n",
    }[content]
    return PACK[packing](text.encode())


def take(step: tuple, folder: Path, number: int) -> None:
    """Change a folder; what cannot be done is not."""
    below, name, (kind, *details) = step
    path = folder / below / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "file" if not path.is_fifo():
                path.write_bytes(write(number, *details))
            case "link":
                path.symlink_to(details[0])
            case "hard link":
                path.hardlink_to(folder / details[0])
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
    except OSError:
        pass


class RefusedError(Exception):
    """The folder is not to be read."""


def find_files(folder: Path, above: list[Path]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name[0] == "." or (path.name[0] == "_" and "=" not in path.name):
            continue
        if path.is_dir():
            if path.resolve() in above:
                raise RefusedError
            yield from find_files(path, [*above, path.resolve()])
        elif path.is_file():
            yield path
        else:
            raise RefusedError


def count_clicks(folder: Path) -> Counter[int]:
    """Return the sessions of all clicks in the folder, or refuse it."""
    found = list(find_files(folder, [folder.resolve()]))
    real = {(path.stat().st_dev, path.stat().st_ino) for path in found}
    plain = {str(path).removesuffix(".gz").removesuffix(".zst") for path in found}
    if not found or min(len(real), len(plain)) < len(found):
        raise RefusedError
    clicks: Counter[int] = Counter()
    for path in found:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:2] == b"\x28\xb5":
            data = zstandard.ZstdDecompressor().decompress(data)
        clicks.update(int(line.split(b",")[0]) for line in data.split()[1:])
    if not clicks:
        raise RefusedError
    return clicks


@settings(max_examples=EXAMPLES)
@given(st.lists(steps, min_size=1, max_size=8))
def test_a_folder_is_read_whole_or_refused_by_name(changes: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "events.csv"
        (folder.parent / "folder").mkdir()
        (folder.parent / "outside").write_bytes(write(99, "clicks", "plain"))
        (folder.parent / "folder" / "part").write_bytes(write(98, "clicks", "gzip"))
        for number, step in enumerate(changes):
            take(step, folder, number)
        try:
            expected = count_clicks(folder)
        except RefusedError:
            expected = None
        try:
            log = find_raw_log(FORMATS["csv"], name)
            events = scan_events(log, IngestionParams()).select(SESSION).collect()
        except UserError as error:
            assert expected is None, error
            assert str(folder) in str(error)
            assert str(error).encode()
        else:
            assert Counter(events[SESSION].to_list()) == expected
