"""`tronrec serve`: the service on the command line."""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tronrec.errors import UserError
from tronrec.serving.discovery import find_items, find_model
from tronrec.serving.json_lines import JsonLines
from tronrec.threads import settle_threads

if TYPE_CHECKING:
    from tronrec.serving.app import Service

SWITCH_SECONDS = 50e-6
"""How long the thread of the connections may keep that of the model waiting. It waits
after each of a hundred small operations, five milliseconds by Python's default."""
TOKEN = "TRONREC_TOKEN"
"""The variable of the environment with the bearer token."""


@click.command(name="serve")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="File of a trained model, data/06_models/<data set>/model.safetensors. If "
    "none is named, the only one of the project, with the titles of its items.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    help="A group of a live test, name=file or name=file:weight, instead of --model. "
    "Give two or more, the control first.",
)
@click.option("--salt", help="Name of the live test; it decides about the groups.")
@click.option(
    "--exposures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to which the live test logs what visitors are shown.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--items",
    type=click.Path(path_type=Path),
    help="CSV or Parquet of item_id, title and, if there are any, picture (a URL).",
)
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]))
@click.option(
    "--search",
    default="exact",
    show_default=True,
    type=click.Choice(["exact", "approximate"]),
    help="How the best items are found; approximate is for millions of items, and says "
    "at the start how many of the exact best it finds.",
)
@click.option("--waiting", type=int, help="Requests that wait, at most.")
@click.option("--batch", type=int, help="Requests answered together, at most.")
@click.option("--wait", type=float, help="Seconds a request waits for company.")
@click.option("--longest-session", type=int, help="Items of a session, at most.")
@click.option("--largest-k", type=int, help="Items of an answer, at most.")
@click.option("--body-bytes", type=int, help="Size of a body, at most.")
@click.option("--watch-seconds", type=float, help="Time between looks at the file.")
def serve(host: str, port: int, **options: Any) -> None:
    """Recommend over HTTP.

    Requests must bring the token of the environment variable TRONREC_TOKEN, if it is
    set. SIGTERM ends the service when all requests under way are answered.
    """
    _log_lines()
    logger = logging.getLogger(__name__)
    logger.info(settle_threads())
    try:
        service = _build(options)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    logger.info("Serving %s on %s:%d", service.store.current.name, host, port)
    _run(service, host, port)


def _build(options: dict[str, Any]) -> "Service":
    """Return the service; torch and FastAPI are imported now.

    Raises:
        UserError: The extra is not installed, a limit is out of range, a model or the
            items cannot be read, or the live test is not complete.
    """
    from pydantic import ValidationError

    try:
        from tronrec.serving.app import Service
        from tronrec.serving.items import read_details
        from tronrec.serving.live_test import open_test
        from tronrec.serving.models import ModelStore
        from tronrec.serving.settings import ServiceSettings
    except ImportError as error:
        raise UserError(
            f'{error}; the service needs its extra: pip install "tronrec[serve]"'
        ) from error
    names = ServiceSettings.model_fields.keys() & options.keys()
    try:
        limits = {name: options[name] for name in names if options[name] is not None}
        settings = ServiceSettings.model_validate(limits)
    except ValidationError as error:
        lines = (f"{d['loc'][0]} = {d['input']}: {d['msg']}" for d in error.errors())
        raise UserError("\n".join(lines)) from error
    token = os.environ.get(TOKEN) or None
    options = _choose_model(options)
    items, device, search = (options[name] for name in ("items", "device", "search"))
    details = None if items is None else read_details(items)

    def load(path: Path) -> ModelStore:
        return ModelStore(path, device, details, search)

    if options["model"]:
        return Service(load(options["model"]), settings, token)
    test = open_test(
        options["groups"], options["salt"], options["exposures"], load=load
    )
    return Service(test.control, settings, token, test)


def _choose_model(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with either a model or a live test.

    Raises:
        UserError: There are both, or neither and no model can be found.
    """
    model, groups = options["model"], options["groups"]
    if model and groups:
        raise UserError(
            "give one of --model file and --group name=file, the latter for each group "
            "of a live test"
        )
    if not groups and (options["salt"] or options["exposures"]):
        raise UserError("--salt and --exposures are for a live test, with --group")
    if model or groups:
        return options
    found = find_model()
    return options | {"model": found, "items": options["items"] or find_items(found)}


def _run(service: "Service", host: str, port: int) -> None:
    import uvicorn

    from tronrec.serving.observing import Observed

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            service.draining = True
            super().handle_exit(sig, frame)

    sys.setswitchinterval(SWITCH_SECONDS)
    paths = {getattr(route, "path", "") for route in service.app.routes}
    config = uvicorn.Config(
        Observed(service, service.metrics, paths),
        host=host,
        port=port,
        loop="asyncio",  # uvloop takes one connection a turn: too few when it is busy
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=service.settings.drain_seconds,
    )
    Server(config).run()


def _log_lines() -> None:
    """Write the log to the standard output, a JSON object a line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
