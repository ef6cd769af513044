"""`tronrec graph`: the pipelines and their results in the browser."""

import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import click
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog

from tronrec.config import SystemConfigLoader
from tronrec.errors import UserError
from tronrec.problems import suggest


def show_graph(
    dataset: str | None, *, env: str | None, conf_source: str | None, folder: Path
) -> None:
    """Write the site of the pipelines on a data set, or on all of them.

    Raises:
        UserError: Kedro-Viz is not installed, or there is no such data set.
    """
    if find_spec("kedro_viz") is None:
        raise UserError(
            'Kedro-Viz is not installed: pip install "tronrec[viz]", or `make viz`'
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Kedro-Viz uses what FastAPI will drop
        from tronrec.graph.site import write_site

    datasets = SystemConfigLoader.open(env, conf_source).datasets
    if dataset is not None and dataset not in datasets:
        raise UserError(f"{dataset}: unknown; {suggest(dataset, datasets)}")
    with KedroSession.create(env=env, conf_source=conf_source) as session:
        assert isinstance(session, KedroSession)
        catalog = session.load_context().catalog
    assert isinstance(catalog, DataCatalog)
    shown = {
        name: pipeline
        for name, pipeline in pipelines.items()
        if dataset is None or name.endswith(f"_{dataset}")
    }
    options = f" --env={env}" if env else ""
    options += f" --conf-source={conf_source}" if conf_source else ""
    write_site(folder, catalog, shown, f"kedro run{options}")


def serve_site(folder: Path, port: int) -> None:
    """Answer with the files of a folder, on this machine alone, until interrupted.

    Raises:
        UserError: The port is taken.
    """
    handler = partial(_QuietHandler, directory=str(folder))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UserError(
            f"--port={port}: {error.strerror}; is it open already? Or take another one"
        ) from error
    with server:
        click.echo(
            f"The graph is at http://127.0.0.1:{server.server_port}/, until Ctrl-C"
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()


class _QuietHandler(SimpleHTTPRequestHandler):
    """Files, without a line of log for each."""

    def translate_path(self, path: str) -> str:
        """Return the file of an address; the page of runs is drawn by the first one."""
        is_runs = urlsplit(path).path.strip("/") == "workflow"
        return super().translate_path("/index.html" if is_runs else path)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
