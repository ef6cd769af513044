import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import commands
from commands import Started, start

PROJECT = Path(__file__).parents[2]

TINY = {
    "simulation": {"sessions": 400, "items": 60, "categories": 6},
    "filtering": {"min_item_support": 2},
    "splitting": {"min_predictions": 1},
    "model": {"hidden_size": 8, "feed_forward": 8, "window": 10},
    "sampling": {"uniform": 32, "in_batch": 15, "top_k": 10},
    "training": {"epochs": 2, "batch_size": 32, "warmup_steps": 0},
    "evaluation": {"batch_size": 256},
}
"""Parameters with which every verb is done in seconds."""


class Shop:
    """The project with data in a folder of its own, used through its command line."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.conf = folder / "conf"
        ignored = shutil.ignore_patterns("local")
        shutil.copytree(PROJECT / "conf", self.conf, ignore=ignored)
        (self.conf / "local").mkdir()
        tiny = self.conf / "tiny"
        tiny.mkdir()
        roots = {"data_root": str(self.data), "raw_root": str(self.data / "01_raw")}
        (tiny / "globals.yml").write_text(yaml.safe_dump(roots))
        blocks = dict.fromkeys(("diginetica", "yoochoose", "otto", "shop"), TINY)
        (tiny / "parameters.yml").write_text(yaml.safe_dump(blocks))

    def start(self, *arguments: str) -> Started:
        """Start `kedro run`."""
        options = "--env=tiny", f"--conf-source={self.conf}", *arguments
        return start("kedro", "run", *options, cwd=PROJECT, merge=True)

    def run(self, *arguments: str) -> str:
        """Run `kedro run` to its end and return what it printed; it must not fail."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=600)
        assert process.returncode == 0, printed
        return printed

    def fail(self, *arguments: str) -> str:
        """Run `kedro run` and return the error it ends with, without a traceback."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=600)
        assert process.returncode == 1, printed
        assert "Traceback" not in printed
        return printed[printed.index("Error: ") :]

    def tell(self, command: str, *arguments: str) -> str:
        """Run another command of ours than `run`, and return what it printed."""
        options = f"--conf-source={self.conf}", "--env=tiny", *arguments
        process = start("tronrec", command, *options, cwd=PROJECT, merge=False)
        printed, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        return printed

    def clear(self) -> None:
        """Remove what runs have written."""
        shutil.rmtree(self.data)

    def files(self) -> list[str]:
        """Return the names of all files of the shop, below its data folder."""
        files = (path for path in self.data.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.data)) for path in files)


@pytest.fixture(scope="session", autouse=True)
def forking() -> Iterator[None]:
    """End at last what `commands` has started."""
    yield
    commands.end()


@pytest.fixture(scope="session")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Shop]:
    return lambda: Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def otto(open_shop: Callable[[], Shop]) -> Shop:
    """A shop with raw files in OTTO's format, to be copied and not changed."""
    shop = open_shop()
    shop.run("--pipeline=simulate_otto")
    return shop


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)
