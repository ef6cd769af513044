"""Which files are the parts of a log: each is read once, or refused by its name.

Files and folders whose name begins with a dot or an underscore are passed over at any
depth, as Spark and Hadoop do, for which they are unfinished or notes of their own.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tronrec.errors import UserError

PACKINGS = ("", ".gz", ".zst")
MAGIC = {*"*?["}
"""What makes a name a pattern."""


def find_parts(filesystem: AbstractFileSystem, path: str) -> list[str]:
    """Return the file of that name, packed or not, or the parts in that folder.

    The name may be a pattern, such as `clicks-*.csv`: then these are the files, packed
    or not, and the parts in the folders that it fits. Nothing is returned if there is
    none.

    Raises:
        UserError: There are several, a folder has no parts, a part is no file or is
            there twice, or the folder is no plain folder of parts.
        OSError: A folder cannot be listed.
    """
    sources = [path + end for end in PACKINGS if filesystem.lexists(path + end)]
    if not sources:
        return _fitting(filesystem, path)
    if len(sources) > 1:
        raise _twice(*sources[:2])
    (source,) = sources
    if not filesystem.isdir(source):
        _check_file(filesystem, source)
        return [source]
    parts = sorted(_walk(filesystem, source, [_identity(filesystem, source)]))
    if not parts:
        raise UserError(
            f"{show_path(source)}: the folder has no parts (names that begin with . or "
            "_ are passed over); fill it or remove it"
        )
    _refuse_doubles(filesystem, parts)
    return parts


def show_path(path: str) -> str:
    """Return a path as it can be printed and stored, whatever bytes are in its name."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in path
    )


def _fitting(filesystem: AbstractFileSystem, path: str) -> list[str]:
    """Return the parts whose names fit a pattern, if the last part of a path is one."""
    folder, _, pattern = path.rpartition("/")
    if not MAGIC & {*pattern} or not filesystem.isdir(folder):
        return []
    above = [_identity(filesystem, folder)]
    parts = sorted(_walk(filesystem, folder, above, pattern))
    _refuse_doubles(filesystem, parts)
    return parts


def _walk(
    filesystem: AbstractFileSystem,
    folder: str,
    above: list[object],
    pattern: str = "*",
) -> Iterator[str]:
    """Yield the files in a folder, which is the last of the folders `above` them.

    Files and folders directly in it are passed over if they do not fit the pattern.
    """
    for entry in filesystem.ls(folder, detail=True):
        path = str(entry["name"]).rstrip("/")
        name = path.rsplit("/", 1)[-1]
        if name == "_delta_log" and pattern == "*":
            raise UserError(
                f"{show_path(folder)}: a Delta table, whose folder may hold rows that "
                "the table no longer has; write it out as plain Parquet files"
            )
        if _is_hidden(name) or path == folder.rstrip("/"):
            continue
        if not any(fnmatchcase(name, pattern + packing) for packing in PACKINGS):
            continue
        if entry["type"] == "file":
            yield path
        elif filesystem.isdir(path):
            identity = _identity(filesystem, path)
            if identity in above:
                raise UserError(f"{show_path(path)}: a link to a folder that it is in")
            yield from _walk(filesystem, path, [*above, identity])
        else:
            _check_file(filesystem, path)
            yield path


def _is_hidden(name: str) -> bool:
    is_partition = "=" in name  # Hive: the name of a column, which may begin with _
    return name.startswith(".") or (name.startswith("_") and not is_partition)


def _check_file(filesystem: AbstractFileSystem, path: str) -> None:
    if filesystem.isfile(path):
        return
    what = "no file"
    if isinstance(filesystem, LocalFileSystem) and Path(path).is_symlink():
        what = f"a link to {show_path(str(Path(path).readlink()))}, which is not there"
    raise UserError(f"{show_path(path)}: {what}; mend or remove it")


def _identity(filesystem: AbstractFileSystem, path: str) -> object:
    """Return what two names of one file or folder have in common."""
    if not isinstance(filesystem, LocalFileSystem):
        return path
    status = Path(path).stat()
    return status.st_dev, status.st_ino


def _refuse_doubles(filesystem: AbstractFileSystem, parts: list[str]) -> None:
    known: dict[object, str] = {}
    for part in parts:
        plain = next(
            part.removesuffix(end) for end in reversed(PACKINGS) if part.endswith(end)
        )
        for key in (plain, _identity(filesystem, part)):
            if known.setdefault(key, part) != part:
                raise _twice(known[key], part)


def _twice(first: str, second: str) -> UserError:
    return UserError(
        f"{show_path(first)} and {show_path(second)}: are both there; keep one of them"
    )
