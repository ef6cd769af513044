"""Where a raw click log lies on disk, and in which publisher's format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tronrec.errors import UserError

Format = Literal["diginetica", "yoochoose", "otto"]

FILES: dict[Format, dict[str, str]] = {
    "diginetica": {"train": "train-item-views.csv"},
    "yoochoose": {"train": "yoochoose-clicks.dat"},
    "otto": {"train": "otto-recsys-train.jsonl", "test": "otto-recsys-test.jsonl"},
}
"""The publisher's file names; the test file is optional, the training file is not."""

PUBLISHED_AT: dict[Format, str] = {
    "diginetica": "https://competitions.codalab.org/competitions/11161",
    "yoochoose": "https://www.kaggle.com/datasets/chadgostopp/recsys-challenge-2015",
    "otto": "https://github.com/otto-de/recsys-dataset",
}

PACKINGS = ("", ".gz", ".zst")


@dataclass(frozen=True)
class RawLog:
    """The raw files of a click log; `test` only where the publisher gives one."""

    format: Format
    train: Path
    test: Path | None = None


def find_raw_log(format: Format, folder: Path) -> RawLog:
    """Return the raw files of `folder`, plain or packed with gzip or zstd.

    Raises:
        UserError: The training file is missing.
    """
    found = {
        role: next(
            (p for packing in PACKINGS if (p := folder / (name + packing)).is_file()),
            None,
        )
        for role, name in FILES[format].items()
    }
    train = found["train"]
    if train is None:
        raise UserError(
            f"No raw file {folder / FILES[format]['train']} (.gz and .zst are read, "
            f"too). Download it from {PUBLISHED_AT[format]}, or name the folder above "
            f"{folder.name}/ with --params=raw_root=/your/folder, or use simulated "
            "clicks with --env=sample."
        )
    return RawLog(format, train, found.get("test"))
