"""Folders of finished runs: the report, the numbers and the ranks of each one.

A folder appears whole and is not changed any more, so that runs can be compared long
after their files elsewhere were replaced.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tronrec.errors import UserError
from tronrec.files import refusing, replacing
from tronrec.parquet import read_table

RECORD, RANKS = "run.json", "ranks.parquet"
"""Files of every folder: the record of the run, and the rank of each test event."""

NEEDED = {"finished_at", "parameters", "data", "metrics"}
"""Without these a record tells nothing of a run."""
REMOVED = ".removed."
"""How the name begins of a folder that is being removed, or was by a killed command."""
DELETE = "delete the folder"

Content = dict[str, Any] | str | pl.DataFrame
"""What a file holds: JSON, text, or a table for Parquet."""


@dataclass(frozen=True)
class FinishedRun:
    """A run that has a folder of its own."""

    folder: Path
    record: dict[str, Any]
    """Which code, data and parameters gave which metrics (`run.json`)."""

    @property
    def name(self) -> str:
        """Time of its end and name of its system."""
        return self.folder.name

    def ranks(self) -> pl.DataFrame:
        """Return the session and the rank of the target of each test event.

        Raises:
            UserError: The file was damaged by something else.
        """
        return read_table(self.folder / RANKS, DELETE)


def keep_run(runs: Path, files: Mapping[str, Content]) -> Path:
    """Write a folder for a run, and return it.

    Args:
        runs: The folder of the runs on a data set.
        files: Name -> content; `run.json` is one of them.
    """
    record = files[RECORD]
    assert isinstance(record, dict)
    finished = record["finished_at"][:19].replace(":", "-")
    name = f"{finished}-{record['metrics']['system']}"
    alike = sum(1 for path in runs.glob(f"{name}*") if path.is_dir())
    folder = runs / (f"{name}-{alike + 1}" if alike else name)
    with replacing(folder) as aside:
        aside.mkdir()
        for file, content in files.items():
            _write(aside / file, content)
    return folder


def read_runs(runs: Path) -> list[FinishedRun]:
    """Return the runs on a data set, the oldest first.

    Raises:
        UserError: A folder was damaged by something else.
    """
    found = []
    for file in sorted(runs.glob(f"[!.]*/{RECORD}")):
        try:
            record = json.loads(file.read_bytes())
            if missing := NEEDED - {*record}:
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{file}: no readable record of a run ({error}); {DELETE}"
            ) from error
        found.append(FinishedRun(file.parent, record))
    return found


def remove_old(runs: Path, keep: int) -> list[str]:
    """Remove all folders but the newest ones; return the names of those removed.

    Args:
        runs: The folder of the runs on a data set.
        keep: How many stay.
    """
    old = read_runs(runs)[: -keep or None]
    with refusing(runs):
        for run in old:
            run.folder.rename(runs / f"{REMOVED}{run.name}")  # it goes as a whole
        for folder in runs.glob(f"{REMOVED}*"):
            shutil.rmtree(folder)
    return [run.name for run in old]


def _write(path: Path, content: Content) -> None:
    if isinstance(content, pl.DataFrame):
        content.write_parquet(path)
    elif isinstance(content, str):
        path.write_text(content, "utf-8")
    else:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")
