"""Simulated clicks as raw files, in the format of each publisher."""

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

import polars as pl

from tronrec.data.formats import RawFormat
from tronrec.data.reading.parts import PACKINGS
from tronrec.errors import UserError
from tronrec.files import replacing
from tronrec.params import Columns

MARK = "SIMULATED.txt"
"""Marks a folder whose raw files may be overwritten; real ones never are."""


def write_raw_log(
    frames: Iterable[pl.DataFrame],
    raw_format: RawFormat,
    folder: Path,
    columns: Columns = Columns(),  # noqa: B008 - it cannot change
) -> None:
    """Write clicks as the publisher's raw files: all of them, or none.

    Args:
        frames: Clicks of whole sessions, as `simulate_clicks` yields them.
        raw_format: The publisher's format.
        folder: Where the files go under the publisher's names.
        columns: What the columns are called where the format leaves it open.

    Raises:
        UserError: A raw log that was not simulated lies there, or the disk refuses.
    """
    names = [raw_format.files[role] for role in raw_format.written]
    _refuse_real_log(folder, names)
    with ExitStack() as stack:
        stack.callback(_unmark_nothing, folder, names)
        asides = [stack.enter_context(replacing(folder / name)) for name in names]
        opened = [
            stack.enter_context(aside.open("wb", buffering=0)) for aside in asides
        ]
        for clicks in frames:
            raw_format.write(clicks, opened, columns)
        # A kill from here on leaves files that are known as what they are.
        (folder / MARK).write_text("Simulated clicks; may be overwritten.\n")


def _unmark_nothing(folder: Path, names: Iterable[str]) -> None:
    """Remove the mark where there is no simulated file: a real one may come."""
    if not any((folder / name).exists() for name in names):
        with suppress(OSError):
            (folder / MARK).unlink()


def _refuse_real_log(folder: Path, names: Iterable[str]) -> None:
    for path in (folder / (name + packing) for name in names for packing in PACKINGS):
        if path.exists() and not (folder / MARK).exists():
            raise UserError(
                f"{path} was not simulated; a real raw log is never overwritten. Name "
                "another folder with --params=raw_root=/your/folder or --env=sample."
            )
