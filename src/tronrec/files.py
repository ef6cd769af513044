"""The one way in which files are written: whole, or not at all.

A killed run leaves the old file or the new one. Two runs, or two threads of one, may
write the same file beside each other: the file is that of the one which ended last.
"""

import errno
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tronrec import locks
from tronrec.errors import UserError

ASIDE = ".part"
"""The end of the name of a folder in which a file is being written."""
LOCK = "lock"
"""The file in such a folder that its writer holds for as long as it lives."""


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that can only come from writing."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; what is there at the end takes the place of `path`.

    It has the name of `path`, in a folder beside it that no other writer shares. After
    an error, `path` is as it was. A folder of files may be made as well, for a `path`
    where there is nothing yet.

    Raises:
        UserError: The disk is full, or the rights there are missing.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        folder = Path(tempfile.mkdtemp(ASIDE, f".{path.name}.", path.parent))
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        with _held(folder):
            aside = folder / path.name
            yield aside
            for written in aside.iterdir() if aside.is_dir() else [aside]:
                with written.open("rb+") as file:
                    os.fsync(file.fileno())
            aside.replace(path)
    except Exception as error:
        if _error_number(error) in NO_ROOM:
            raise _refusal(path, error) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; its file appears when it is held, not before."""
    unnamed = folder / f"{LOCK}.new"
    with locks.hold(unnamed):
        unnamed.rename(folder / LOCK)
        yield


def _remove_abandoned(path: Path) -> None:
    """Remove the folders that killed writers of `path` have left."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*{ASIDE}"):
        if locks.is_free(folder / LOCK):
            shutil.rmtree(folder, ignore_errors=True)


def _error_number(error: Exception) -> int | None:
    """Return the system's number of an error; libraries in Rust have it in the text."""
    if isinstance(error, OSError):
        return error.errno
    number = re.search(r"\(os error (\d+)\)", str(error))
    return int(number[1]) if number else None


def _refusal(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} cannot be written: {error}. Make room or change the rights there, or "
        "name another folder: data_root in conf/local/globals.yml, raw_root for raw "
        "files"
    )
