"""The HTTP interface: what may be asked, and what is answered."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi import Request as HttpRequest
from prometheus_client import generate_latest
from pydantic_core import to_json
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tronrec.answers import Request
from tronrec.serving.batching import Batcher, OverloadedError
from tronrec.serving.live_test import LiveTest
from tronrec.serving.models import Given, ModelStore
from tronrec.serving.observing import Metrics
from tronrec.serving.requests import (
    TOO_LARGE,
    Answered,
    Asked,
    Refusal,
    RefusedError,
    read_request,
)
from tronrec.serving.settings import ServiceSettings
from tronrec.version import __version__

UNAUTHORIZED, TIMED_OUT, UNAVAILABLE = 401, 408, 503
RECOMMEND = "/recommend"
RETRY_SECONDS = "1"
FOUND = 20
"""Items that a search returns, at most."""
PAGE = Path(__file__).with_name("page.html")
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src http: https: data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The page has all it needs in itself; only pictures of items come from elsewhere."""

Routed = tuple[ModelStore, Request]
"""A request, and the model that is to answer it."""


NUMBERS = {"parameters": {"ranking": {"reranker"}}}
"""Of a card: weights, which nobody reads."""


class Service:
    """A model, its queue, and the application that asks it."""

    def __init__(
        self,
        store: ModelStore,
        settings: ServiceSettings,
        token: str | None = None,
        test: LiveTest | None = None,
    ) -> None:
        """Build the application.

        Args:
            store: The model; in a test, it answers those who name no visitor.
            settings: Limits.
            token: What requests must bring as bearer token; None: nothing.
            test: Which model answers which visitor; None: there is no test.
        """
        self.store, self.settings, self._token = store, settings, token
        self.test = test
        self.metrics = Metrics()
        self.draining = False
        self._batcher: Batcher[Routed, Given] = Batcher(
            self._answer,
            waiting=settings.waiting,
            batch=settings.batch,
            wait=settings.wait,
        )
        watch = self.metrics.watch
        watch("tronrec_waiting", "Requests in the queue", self._batcher.__len__)
        watch("tronrec_models_loaded", "Models loaded", lambda: store.loaded)
        watch("tronrec_models_refused", "Models refused", lambda: store.refused)
        if test:
            watch("tronrec_exposures", "Lists logged", lambda: test.shown)
            watch("tronrec_unlogged", "Lists not logged", lambda: test.unlogged)
        self.app = FastAPI(
            title="tronrec",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            lifespan=self._live,
        )
        self._add_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request.

        Most ask for recommendations. These need nothing of FastAPI's dozen layers,
        which would take as long as all the rest of an answer that is not computing.
        """
        asked = scope.get("method"), scope.get("path")
        if asked != ("POST", RECOMMEND):
            await self.app(scope, receive, send)
            return
        http = HttpRequest(scope, receive)
        try:
            response = await self.recommend(http)
        except RefusedError as error:
            response = await _refuse(http, error)
        except OverloadedError as error:
            response = await _overloaded(http, error)
        await response(scope, receive, send)

    def _answer(self, routed: Sequence[Routed]) -> list[Given]:
        """Return the answers; requests to one model are computed together."""
        self.metrics.batch.observe(len(routed))
        given: dict[int, Given] = {}
        for store in {id(store): store for store, _ in routed}.values():
            places = [place for place, (own, _) in enumerate(routed) if own is store]
            answers = store.answer([routed[place][1] for place in places])
            given |= zip(places, answers, strict=True)
        return [given[place] for place in range(len(routed))]

    @asynccontextmanager
    async def _live(self, _app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()
        await asyncio.to_thread(self._batcher.close)
        if self.test:
            await asyncio.to_thread(self.test.close)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.settings.watch_seconds)
            await asyncio.to_thread((self.test or self.store).refresh)

    def _add_routes(self) -> None:
        app = self.app
        body = {"application/json": {"schema": Asked.model_json_schema()}}
        refused = {"model": Refusal}
        app.post(
            RECOMMEND,
            response_model=Answered,
            responses={422: refused, 413: refused, 401: refused, 503: refused},
            openapi_extra={"requestBody": {"required": True, "content": body}},
        )(self.recommend)
        app.get("/items")(self.items)
        app.get("/model")(self.card)
        app.get("/metrics")(self.show_metrics)
        app.get("/health")(self.health)
        app.get("/ready")(self.ready)
        app.get("/", include_in_schema=False)(self.page)
        app.exception_handler(RefusedError)(_refuse)
        app.exception_handler(OverloadedError)(_overloaded)

    async def recommend(self, http: HttpRequest) -> Response:
        """Return the best items for a session, the best first."""
        self._authorize(http)
        body = await self._read_body(http)
        request, visitor = read_request(body, self.settings)
        seen = self.test.open(visitor) if self.test and visitor is not None else None
        store = seen.store if seen else self.store
        answer, model = await self._batcher.ask((store, request))
        pairs = zip(answer.items, answer.scores, strict=True)
        content = {
            "recommendations": [{"item": i, "score": s} for i, s in pairs],
            "unknown": answer.unknown,
            "fallback": answer.fallback,
            "model": model,
            "group": seen and seen.group,
            "exposure": seen and seen.show(answer.items),
        }
        return Response(to_json(content), media_type="application/json")

    async def items(
        self,
        http: HttpRequest,
        query: Annotated[str, Query(max_length=200)] = "",
        item: Annotated[list[str], Query(max_length=FOUND * 2)] = [],  # noqa: B006
    ) -> Response:
        """Return items by a part of the title or the begin of the id, or by ids."""
        self._authorize(http)
        finder = self.store.current.items
        if item:
            found = await asyncio.to_thread(finder.look_up, item)
        else:
            found = await asyncio.to_thread(finder.search, query, FOUND)
        records = [one.to_record() for one in found]
        return Response(to_json(records), media_type="application/json")

    async def card(self, http: HttpRequest) -> dict[str, Any]:
        """Return what the model in use is, and since when it is."""
        self._authorize(http)
        current = self.store.current
        return {
            "items": len(current.model.item_ids),
            "in_use_since": current.since.isoformat(timespec="seconds"),
            **current.model.card.model_dump(mode="json", exclude=NUMBERS),
        }

    async def show_metrics(self, http: HttpRequest) -> Response:
        """Return counts and times in the format of Prometheus."""
        self._authorize(http)
        text = generate_latest(self.metrics.registry)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def health(self) -> dict[str, str]:
        """Tell that the process is alive."""
        return {"status": "alive"}

    async def ready(self) -> Response:
        """Tell whether requests are taken on; not while the service is ending."""
        if self.draining:
            return JSONResponse({"status": "ending"}, UNAVAILABLE)
        return JSONResponse({"status": "ready", "model": self.store.current.name})

    async def page(self) -> Response:
        """Return the page to look at."""
        headers = {"content-security-policy": POLICY, "cache-control": "no-cache"}
        return HTMLResponse(PAGE.read_bytes(), headers=headers)

    def _authorize(self, http: HttpRequest) -> None:
        if self._token is None:
            return
        given = http.headers.get("authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise RefusedError.of(
                UNAUTHORIZED, "Authorization", "", "must be the bearer token"
            )

    async def _read_body(self, http: HttpRequest) -> bytes:
        limit, seconds = self.settings.body_bytes, self.settings.body_seconds
        body = bytearray()
        try:
            async with asyncio.timeout(seconds):
                async for chunk in http.stream():
                    body += chunk
                    if len(body) > limit:
                        raise RefusedError.of(
                            *(TOO_LARGE, "body", f"more than {limit} bytes"),
                            f"must be at most {limit} bytes",
                        )
        except TimeoutError as error:
            raise RefusedError.of(
                *(TIMED_OUT, "body", f"{len(body)} bytes"),
                f"must arrive within {seconds:g} seconds",
            ) from error
        return bytes(body)


async def _refuse(_http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    headers = {"www-authenticate": "Bearer"} if error.status == UNAUTHORIZED else None
    return JSONResponse(error.refusal.model_dump(), error.status, headers)


async def _overloaded(_http: HttpRequest, _error: Exception) -> Response:
    refused = RefusedError.of(
        *(UNAVAILABLE, "", ""), "too many requests wait; try again later"
    )
    headers = {"retry-after": RETRY_SECONDS}
    return JSONResponse(refused.refusal.model_dump(), UNAVAILABLE, headers)
