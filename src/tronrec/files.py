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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tronrec import locks
from tronrec.errors import UserError

ASIDE = ".part"
"""The end of the name of a folder in which a file is being written."""
LOCK = "writer-lives"
"""The file in such a folder that its writer holds for as long as it lives."""
TEMPORARY = "a temporary file (where TMPDIR says)"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that can only come from writing."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; what is there at the end takes the place of `path`.

    It has the name of `path`, in a folder beside it that no other writer shares. After
    an error, `path` is as it was. A folder of files may be made as well, for a `path`
    where there is nothing yet.

    Raises:
        UserError: The disk is full, the rights there are missing, or there is a folder.
    """
    with ExitStack() as stack:
        with refusing(path):
            if path.is_dir():
                raise UserError(f"{path} is a folder; name a file in it")
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(
                own_folder(path.parent, prefix=f".{path.name}.", suffix=ASIDE)
            )
        try:
            aside = folder / path.name
            yield aside
            for written in aside.iterdir() if aside.is_dir() else [aside]:
                with written.open("rb+") as file:
                    os.fsync(file.fileno())
            aside.replace(path)
        except Exception as error:
            if not NO_ROOM.isdisjoint(_error_numbers(error)):
                raise _refusal(path, error) from error
            raise


@contextmanager
def refusing(path: Path | str) -> Iterator[None]:
    """Say in plain words that `path` cannot be written, if the system says so.

    Raises:
        UserError: The disk is full, or the rights there are missing.
    """
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


@contextmanager
def own_folder(parent: Path, *, prefix: str, suffix: str = "") -> Iterator[Path]:
    """Give a new folder that no other process shares, and remove it at the end.

    It goes with the process as well. Where that was killed, it goes when the next one
    makes a folder like it. Its name begins and ends as said.
    """
    for left in parent.glob(f"{glob.escape(prefix)}*{glob.escape(suffix)}"):
        if locks.is_free(left / LOCK):
            shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(
            suffix, prefix, parent, ignore_cleanup_errors=True
        ) as name,
        locks.hold_new(Path(name, LOCK)),
    ):
        yield Path(name)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder for files that nobody needs after this process.

    Raises:
        UserError: None can be made.
    """
    with ExitStack() as stack:
        with refusing(TEMPORARY):
            parent = Path(tempfile.gettempdir())
            folder = stack.enter_context(own_folder(parent, prefix="tronrec-"))
        yield folder


@contextmanager
def temporary_file(size: int) -> Iterator[IO[bytes]]:
    """Give a file without a name that has room for so many bytes.

    The system ends a process that maps a file into memory and finds the disk full.

    Raises:
        UserError: There is no such room.
    """
    with ExitStack() as stack:
        with refusing(TEMPORARY):
            file = stack.enter_context(tempfile.TemporaryFile())
            if hasattr(os, "posix_fallocate"):  # macOS has none
                os.posix_fallocate(file.fileno(), 0, size)
        yield file


def _error_numbers(error: BaseException | None) -> Iterator[int]:
    """Yield the system's numbers of an error and of what it comes from.

    Libraries in Rust have them in the text. What is said in plain words has none.
    """
    while error and not isinstance(error, UserError):
        if isinstance(error, OSError) and error.errno:
            yield error.errno
        yield from map(int, re.findall(r"\(os error (\d+)\)", str(error)))
        error = error.__cause__


def _refusal(path: Path | str, error: Exception) -> UserError:
    return UserError(
        f"{path} cannot be written: {error}. Make room or change the rights there, or "
        "name another folder: data_root in conf/local/globals.yml, raw_root for raw "
        "files, and the environment variable TMPDIR for temporary ones"
    )
