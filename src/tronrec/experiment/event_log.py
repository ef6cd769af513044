"""An append-only log of exposures or outcomes that survives a kill of its writer.

A Parquet file is no file before its last byte is written. So an event goes to an open
segment first, as a line of JSON, which the system keeps even if the writer is killed
the moment after. Once a second the segment is forced to the disk: a power failure loses
the last second at most. A full or old segment becomes a Parquet part, whole or not at
all, and is removed:

    exposures-4f2ac1-000006.parquet     closed
    exposures-4f2ac1-000007.jsonl       open; its writer holds the lock

What a killed writer left becomes parts when the folder is next opened. A part has the
name of its segment, so that no event is there twice, wherever the kill came. Lines that
are not whole are dropped, counted and told.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from tronrec.errors import UserError
from tronrec.experiment.assignment import VisitorId
from tronrec.experiment.schemas import (
    EXPOSURE,
    GROUP,
    ITEM,
    ITEMS,
    KIND,
    OUTCOME,
    QUANTITY,
    TIME,
    VISITOR,
)
from tronrec.experiment.segments import SEGMENT, Segment, recover

logger = logging.getLogger(__name__)

SYNC_SECONDS = 1.0
"""Time after which the disk has an event."""


class EventLog:
    """Appends events to a folder, from any number of threads and processes.

    Args:
        folder: Where segments and parts lie; what killed writers left there is
            recovered first.
        kind: `exposures` or `outcomes`.
        rotate_events: Events of a part, at most.
        rotate_seconds: Age of a segment, at most, before it becomes a part.
    """

    def __init__(
        self,
        folder: Path,
        kind: str,
        *,
        rotate_events: int = 100_000,
        rotate_seconds: float = 300,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.dropped = recover(folder, kind)
        """Lines that killed writers left unfinished."""
        self._stem = folder / f"{kind}-{uuid4().hex}"
        self._limits = rotate_events, rotate_seconds
        self._number = 0
        self._segment = self._open()
        self._full: deque[Segment] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, event: dict[str, Any]) -> None:
        """Write an event; once this returns, a kill of the process does not lose it.

        Raises:
            OSError: The disk is full or gone; the event is not in the log.
        """
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._lock:
            self._rotate()
            self._segment.append(line.encode())

    def close(self) -> None:
        """Turn everything into parts; nothing can be appended afterwards."""
        self._closing.set()
        self._keeper.join()
        with self._lock:
            self._full.append(self._segment)
        self._convert_full()

    def _open(self) -> Segment:
        self._number += 1
        name = f"{self._stem.name}-{self._number:06d}{SEGMENT}"
        return Segment(self._stem.with_name(name))

    def _rotate(self) -> None:
        """Open the next segment if this one is full, or old and not empty."""
        events, seconds = self._limits
        old = time.monotonic() - self._segment.opened >= seconds
        if self._segment.events >= events or (old and self._segment.events):
            following = self._open()
            self._full.append(self._segment)
            self._segment = following

    def _keep(self) -> None:
        while not self._closing.wait(SYNC_SECONDS):
            try:
                with self._lock:
                    self._rotate()
                    segment = self._segment
                segment.sync()
                self._convert_full()
            except (OSError, UserError) as error:
                logger.error("%s; events wait in their segments", error)

    def _convert_full(self) -> None:
        while self._full:
            self._full[0].close()
            self._full.popleft()


class ExposureLog(EventLog):
    """The lists that visitors were shown."""

    def __init__(self, folder: Path, **limits: float) -> None:
        super().__init__(folder, "exposures", **limits)  # type: ignore[arg-type]

    def show(
        self,
        visitor: VisitorId,
        group: str,
        items: Iterable[VisitorId],
        moment: datetime | None = None,
    ) -> str:
        """Write that a visitor is shown these items, and return the exposure's id."""
        number = uuid4().hex
        self.append(
            {
                EXPOSURE: number,
                VISITOR: str(visitor),
                TIME: _milliseconds(moment),
                GROUP: group,
                ITEMS: list(map(str, items)),
            }
        )
        return number


class OutcomeLog(EventLog):
    """What visitors did: clicks, carts, orders."""

    def __init__(self, folder: Path, **limits: float) -> None:
        super().__init__(folder, "outcomes", **limits)  # type: ignore[arg-type]

    def add(
        self,
        visitor: VisitorId,
        kind: str,
        item: VisitorId,
        quantity: float = 1,
        moment: datetime | None = None,
    ) -> str:
        """Write what a visitor did with an item, and return the outcome's id."""
        number = uuid4().hex
        self.append(
            {
                OUTCOME: number,
                VISITOR: str(visitor),
                TIME: _milliseconds(moment),
                KIND: kind,
                ITEM: str(item),
                QUANTITY: quantity,
            }
        )
        return number


def _milliseconds(moment: datetime | None) -> int:
    return int((moment.timestamp() if moment else time.time()) * 1000)
