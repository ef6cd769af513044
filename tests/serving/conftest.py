import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
import uvicorn

from reference.trained import make_file
from tronrec.serving.app import Service
from tronrec.serving.items import read_details
from tronrec.serving.models import ModelStore
from tronrec.serving.observing import Observed
from tronrec.serving.settings import ServiceSettings


@dataclass
class Client:
    """One connection to a service."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, 60)

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers of a response."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.connection.request(method, path, body, self.headers | headers)
        response = self.connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, response.read(), names

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, path: str) -> Any:
        status, content, _ = self.ask("GET", path)
        assert status == 200, content
        return json.loads(content)

    def recommend(self, session: list[Any], **options: Any) -> Any:
        status, content, _ = self.ask(
            "POST", "/recommend", {"session": session, **options}
        )
        assert status == 200, content
        return json.loads(content)

    def items(self, session: list[Any], **options: Any) -> list[Any]:
        given = self.recommend(session, **options)
        return [one["item"] for one in given["recommendations"]]

    def refused(self, body: Any) -> tuple[int, dict[str, dict[str, str]]]:
        """Return status and problems, by field, of a request that is refused."""
        status, content, _ = self.ask("POST", "/recommend", body)
        return status, {p["field"]: p for p in json.loads(content)["problems"]}


@contextmanager
def serving(service: Service) -> Iterator[int]:
    """Serve from a thread; yield the port."""
    paths = {getattr(route, "path", "") for route in service.app.routes}
    app = Observed(service, service.metrics, paths)
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    make_file().checkpoint().save(path)
    return path


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


DETAILS = """item_id,title,picture
sku-0100,Red shoes,https://example.org/red.png
sku-0101,Blue Shoes,
sku-9999,Not in the model,
"""


@pytest.fixture(scope="session")
def service_port(model_path: Path, tmp_path_factory) -> Iterator[int]:
    """The port of a service without a token, with details of items."""
    items = tmp_path_factory.mktemp("items") / "items.csv"
    items.write_text(DETAILS)
    store = ModelStore(model_path, "cpu", read_details(items))
    settings = ServiceSettings(body_bytes=20_000, longest_session=100, largest_k=50)
    with serving(Service(store, settings)) as port:
        yield port


@pytest.fixture
def client(service_port: int) -> Iterator[Client]:
    """A client of that service: an idle connection would be closed by and by."""
    with Client(service_port) as client:
        yield client


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], int]]]:
    """Start `tronrec serve`; return the process and its port."""
    processes = []

    def run(*options: str, **environment: str) -> tuple[subprocess.Popen[str], int]:
        import os

        process = subprocess.Popen(
            [sys.executable, "-m", "tronrec", "serve", "--port=0", *options],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
        )
        processes.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)["message"]
            if "running on" in message:
                return process, int(message.split(" (")[0].rsplit(":", 1)[1])
        raise AssertionError("it has not started")

    yield run
    for process in processes:
        process.kill()
        process.communicate()
