"""Locks between processes, which the system frees when their holder ends, however.

They are `flock`s on files, so a killed run leaves none behind. A file system without
locks is not refused: there, nothing keeps two runs apart.
"""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system says that has no locks."""


@contextmanager
def hold(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock on a file, which is made if it is not there.

    Args:
        path: The file.
        shared: Whether others may hold it as well, if they share it too.
        wait: Whether to wait until it is free.

    Yields:
        Whether the lock is held; False only without `wait`.
    """
    with path.open("ab") as file:
        kind, held = fcntl.LOCK_SH if shared else fcntl.LOCK_EX, True
        try:
            fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield held


@contextmanager
def hold_new(path: Path) -> Iterator[None]:
    """Hold the lock of a new file, which has its name only once the lock is held.

    So nobody takes it for that of a process that has ended.
    """
    unnamed = path.with_name(f"{path.name}.new")
    with hold(unnamed):
        unnamed.rename(path)
        yield


def is_free(path: Path) -> bool:
    """Return whether the file is there and surely no process holds its lock."""
    return _probe(path) is True


def is_held(path: Path) -> bool:
    """Return whether the file is there and surely a process holds its lock."""
    return _probe(path) is False


def _probe(path: Path) -> bool | None:
    """Return whether the lock can be had; None where nobody can tell."""
    try:
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
