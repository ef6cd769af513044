"""Keeps two runs from writing the same outputs, or one from reading what one writes.

Each run notes in a folder of the data root what it reads and what it writes, and holds
a lock on its note for as long as it lives. The note of a killed run is therefore known
as such, and goes away with the next run. Whoever only looks at files needs no note.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

from tronrec import locks
from tronrec.errors import UserError
from tronrec.files import refusing

NAMED = 3
"""Outputs that a refusal names; of further ones it says how many there are."""


@dataclass(frozen=True)
class Claim:
    """The names of what a run reads and writes."""

    writes: frozenset[str]
    reads: frozenset[str]
    shared: frozenset[str] = frozenset()
    """Outputs that others may write as well, if they share them too."""
    group: str | None = None
    """Runs of one group do the same work together, on several machines."""

    def conflicts(self, other: Self) -> set[str]:
        """Return what only one of the two runs can have."""
        if self.group is not None and self.group == other.group:
            return set()
        touched = other.writes | other.reads
        both = (self.writes & touched) | (self.reads & other.writes)
        return set(both - (self.shared & other.shared))


@dataclass(frozen=True)
class Note:
    """Which run claims what."""

    command: str
    process: int
    machine: str
    since: str
    claim: Claim

    @classmethod
    def of_this_process(cls, claim: Claim) -> Self:
        """Return the note of the run that this process is."""
        command = " ".join((Path(sys.argv[0]).name, *sys.argv[1:]))
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        return cls(command, os.getpid(), socket.gethostname(), since, claim)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote."""
        values = json.loads(text)
        claim = values.pop("claim")
        names = {key: frozenset(claim[key]) for key in ("writes", "reads", "shared")}
        return cls(**values, claim=Claim(**names, group=claim["group"]))

    def write(self) -> str:
        """Return the note as JSON."""
        return json.dumps(asdict(self), default=sorted, indent=2)

    def refuse(self, names: set[str]) -> UserError:
        """Return the error of a run that would get in the way of this one."""
        writing = names & self.claim.writes
        verb = "writing" if writing else "reading"
        first, *others = sorted(writing or names)
        listed = ", ".join((first, *others[: NAMED - 1]))
        more = f" and {len(others) - NAMED + 1} more" if len(others) >= NAMED else ""
        return UserError(
            f"Another run is {verb} {listed}{more}: `{self.command}`, process "
            f"{self.process} on {self.machine}, since {self.since}. Wait until it has "
            "ended, start at a node that does without them (--from-nodes), or set "
            "data_root in conf/local/globals.yml to another folder"
        )


@contextmanager
def claimed(folder: Path, claim: Claim) -> Iterator[None]:
    """Claim inputs and outputs until the end of the block, or of the process.

    Args:
        folder: Where the runs on a data root have their notes.
        claim: What this run reads and writes.

    Raises:
        UserError: Another run is at work on some of it, and the message says which; or
            the disk is full, or the rights there are missing.
    """
    path = folder / f"{uuid4().hex}.json"
    with ExitStack() as stack:
        with refusing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with locks.hold(folder / "lock"):
                for note in _running(folder):
                    if names := claim.conflicts(note.claim):
                        raise note.refuse(names)
                stack.callback(path.unlink, missing_ok=True)
                stack.enter_context(locks.hold(path))
                path.write_text(Note.of_this_process(claim).write())
        yield


def _running(folder: Path) -> Iterator[Note]:
    """Yield the notes of runs that live; remove those of killed ones."""
    for path in folder.glob("*.json"):
        if locks.is_held(path):
            with suppress(FileNotFoundError):  # it has just ended
                yield Note.read(path.read_text())
        elif locks.is_free(path):
            path.unlink(missing_ok=True)
