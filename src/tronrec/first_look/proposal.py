"""The configuration of a new data set, as a first look at its file proposes it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from tronrec.catalog import RAW_LOG_TYPE
from tronrec.data.events import CLICK, TYPE
from tronrec.data.formats import FORMATS
from tronrec.data.reading.bad_lines import BadLine, read_file
from tronrec.data.reading.log import RawFile, RawLog
from tronrec.errors import UserError
from tronrec.files import replacing
from tronrec.first_look.columns import Found, find_columns
from tronrec.first_look.sample import Sample, open_first, read_sample
from tronrec.params import Columns
from tronrec.problems import find_problems, suggest

OWN = ("csv", "jsonl", "parquet")
"""Formats whose columns have names of their own."""

CATALOG = """\
# The clicks of {name}, as `tronrec new-dataset` took them to be. Check the columns.
{log}
# The sessions that recommend_{name} recommends to: for a start, those of the same log.
# Without this entry they are read from live-sessions{ending} in the same folder.
{name}.live_log: *log
"""

PARAMETERS = """\
# How {name} differs from the defaults (docs/configuration.md).
{block}"""


@dataclass(frozen=True)
class Proposal:
    """What a data set's entry of the catalog and its parameters would be."""

    name: str
    entry: dict[str, Any]
    parameters: dict[str, Any]
    events: pl.DataFrame
    """The events of the first rows, as they are read with this entry."""
    bad_lines: list[BadLine]
    sample: Sample | None = field(default=None)
    found: Found | None = field(default=None)

    @property
    def clicks(self) -> pl.DataFrame:
        """The events that are clicks."""
        return self.events.filter(pl.col(TYPE) == CLICK)


def read_options(texts: Iterable[str]) -> dict[str, Any]:
    """Return name=value,name=value as a mapping; null is no value.

    A name that is there twice has all of its values.

    Raises:
        UserError: There is no `=`.
    """
    given: dict[str, Any] = {}
    for text in texts:
        for pair in re.split(r",(?=\w+=)", text):
            name, is_there, value = pair.partition("=")
            if not is_there:
                raise UserError(f"--columns={pair}: must be name=value, as in item=sku")
            known = given.get(name)
            if known is not None:
                given[name] = [*(known if isinstance(known, list) else [known]), value]
            else:
                given[name] = None if value == "null" else value
    return given


def propose(name: str, path: str, like: str | None, given: dict[str, Any]) -> Proposal:
    """Return the configuration for a file, or a folder of parts.

    Args:
        name: What the data set will be called.
        path: The file or folder; a URL that fsspec knows is one as well.
        like: A format; None: that of a publisher if all rows are in it, else CSV, JSON
            lines or Parquet, whatever it looks like.
        given: Columns that are known, which win.

    Raises:
        UserError: The columns cannot be told, or no row is an event.
    """
    if like is not None and like not in FORMATS:
        raise UserError(f"--like={like}: unknown; {suggest(like, FORMATS)}")
    first, sample, found = open_first(path), None, None
    parameters: dict[str, Any] = {}
    if like is None and not given:
        like = _find_publisher(first)
    if like in (None, *OWN):
        problems = find_problems(Columns, given).items()
        if unknown := [f"{key}{text}" for key, text in problems if "unknown" in text]:
            raise UserError(f"--columns: {unknown[0].removeprefix('.')}")
        sample = read_sample(first, like, given)
        found = find_columns(sample, given)
        like = sample.format
        if found.session_gap:
            parameters = {"ingestion": {"session_gap": found.session_gap}}
    elif given:
        raise UserError(f"--columns: {like} has columns of its own; leave it out")
    assert like is not None
    stated = found.columns if found else {}
    events, bad_lines = _read(first, like, stated)
    entry = {
        "type": RAW_LOG_TYPE,
        **_place(path),
        "format": like,
        **({"columns": _numbered(stated)} if stated else {}),
        "metadata": {"kedro-viz": {"layer": "raw"}},
    }
    return Proposal(name, entry, parameters, events, bad_lines, sample, found)


def write(proposal: Proposal, folder: Path) -> list[Path]:
    """Write catalog entry and parameter block into an environment's folder.

    Raises:
        UserError: One of the files is there already.
    """
    name = proposal.name
    texts = {
        folder / f"catalog_{name}.yml": _catalog(proposal),
        folder / f"parameters_{name}.yml": PARAMETERS.format(
            name=name, block=_dump({name: proposal.parameters})
        ),
    }
    for path in texts:
        if path.exists():
            raise UserError(f"{path} is there already; change or remove it")
    for path, text in texts.items():
        with replacing(path) as aside:
            aside.write_text(text, "utf-8")
    return [*texts]


def _find_publisher(file: RawFile) -> str | None:
    """Return the publisher's format that all of the first rows are in, if there is one.

    It knows more of them than their columns tell, such as a time that stands in two.
    """
    for name in FORMATS.keys() - {*OWN}:
        try:
            _, bad_lines = _read(file, name, {})
        except UserError:
            continue
        if not bad_lines:
            return name
    return None


def _read(file: RawFile, kind: str, columns: dict[str, Any]) -> tuple[Any, ...]:
    """Return events and bad lines of the first rows, read as a run would."""
    try:
        checked = Columns.model_validate(columns)
    except ValidationError as error:
        (details, *_) = error.errors()
        place = "".join(f"{name}: " for name in details["loc"])
        raise UserError(f"--columns: {place}{details['msg']}") from error
    log = RawLog(FORMATS[kind], (file,), columns=checked)
    part = next(read_file(log, file, 1 << 20), None)
    if part is None or part.events.is_empty():
        first = f", such as {part.bad_lines[0]}" if part and part.bad_lines else ""
        raise UserError(
            f"{file}: no row is an event{first}. Give its columns with --columns"
        )
    return part.events, part.bad_lines


def _place(path: str) -> dict[str, str]:
    """Return the folder of a log, and its name there."""
    if "://" not in path:
        path = str(Path(path).absolute())
    folder, _, name = path.rstrip("/").rpartition("/")
    return {"filepath": folder or "/", "file": name}


def _numbered(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns whose numbers are numbers, where a file has no header."""
    if "header" not in columns:
        return columns
    roles = ("session", "visitor", "item", "time", "type")
    numbers = {r: int(columns[r]) for r in roles if columns.get(r) is not None}
    return columns | numbers


def _catalog(proposal: Proposal) -> str:
    name, ending = proposal.name, Path(FORMATS[proposal.entry["format"]].files["train"])
    head, _, rest = _dump({f"{name}.raw_log": proposal.entry}).partition("\n")
    return CATALOG.format(name=name, log=f"{head} &log\n{rest}", ending=ending.suffix)


def _dump(tree: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000)
    return text
