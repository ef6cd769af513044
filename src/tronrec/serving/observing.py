"""What is seen of every request from outside: its id, one line in the log, metrics."""

import logging
import random
import re
import time
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

ID_HEADER = b"x-request-id"
SAFE_ID = re.compile(rb"[\w.-]{1,64}")
GAVE_UP = 499
"""The status in the log where the client went away, as nginx has it."""
FAILED = 500

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """What `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tronrec_requests",
            "Requests",
            ("path", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tronrec_request_seconds",
            "Time from the request to its answer",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "tronrec_batch_size",
            "Requests answered together",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=self.registry,
        )

    def watch(self, name: str, meaning: str, value: Any) -> None:
        """Show what a function returns at the time."""
        Gauge(name, meaning, registry=self.registry).set_function(value)


class Observed:
    """The application, with an id, a line and a count for each request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: set[str]) -> None:
        """Wrap the application.

        Args:
            app: It.
            metrics: Where requests are counted.
            paths: Those that are told apart; of others there may be any number.
        """
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(ID_HEADER, b"")
        name = given if SAFE_ID.fullmatch(given) else b"%016x" % random.getrandbits(64)
        seen: MutableMapping[str, int] = {}

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                headers = [*message.get("headers", ()), (ID_HEADER, name)]
                message = {**message, "headers": headers}
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, observe)
        except ClientDisconnect:
            seen["status"] = GAVE_UP
        except Exception:
            logger.exception("request %s failed", name.decode())
            if "status" not in seen:
                await _fail(observe)
        finally:
            self._note(scope, name, seen.get("status", GAVE_UP), began)

    def _note(self, scope: Scope, name: bytes, status: int, began: float) -> None:
        seconds = time.perf_counter() - began
        path = scope["path"] if scope["path"] in self._paths else "other"
        self._metrics.requests.labels(path, status).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        facts = {
            "request": name.decode(),
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "ms": round(1e3 * seconds, 2),
        }
        logger.info("request", extra={"facts": facts})


async def _fail(send: Send) -> None:
    body = b'{"problems":[{"field":"","value":"","problem":"internal error"}]}'
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": FAILED, "headers": headers})
    await send({"type": "http.response.body", "body": body})
