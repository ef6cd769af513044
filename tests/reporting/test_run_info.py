import json
import platform
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import polars as pl
import pytest

from tronrec.params import DatasetParams, TrainingParams
from tronrec.reporting import run_info
from tronrec.reporting.run_info import describe_run, source_version
from tronrec.version import __version__


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with one committed file."""
    file = tmp_path / "module.py"
    file.write_text("committed")
    for command in (
        ["init", "--quiet"],
        ["add", "module.py"],
        [
            *("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"),
            *("commit", "--quiet", "--no-verify", "--message=m"),
        ],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return file


def test_source_version_of_a_checkout(checkout: Path) -> None:
    clean = source_version(checkout)
    checkout.write_text("changed")
    changed = source_version(checkout)

    assert clean is not None
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    assert changed == {**clean, "dirty": True}


def test_no_source_version_outside_a_checkout(checkout: Path, tmp_path: Path) -> None:
    untracked = checkout.with_name("installed.py")
    untracked.touch()
    assert source_version(untracked) is None
    assert source_version(tmp_path / "no_such_folder" / "module.py") is None


def test_no_source_version_without_git(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert source_version(checkout) is None


def test_the_package_need_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kedro runs the project from its folder; then there is no metadata of it."""

    def version(package: str) -> str:
        if package == "tronrec":
            raise PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(run_info, "version", version)
    history = pl.DataFrame({"seconds": [1.0], "evaluation_seconds": [1.0]})
    run = describe_run("otto", DatasetParams(), {}, {}, history)
    assert run["versions"]["tronrec"] == __version__


def test_describe_run() -> None:
    history = pl.DataFrame(
        {"seconds": [10.0, 20.0], "evaluation_seconds": [1.0, 2.0]},
    )
    params = DatasetParams(system="tron_l", training=TrainingParams(epochs=2))
    metrics = {"metrics": {"recall@20": 0.5}}

    run = describe_run("otto", params, {"fit": "abc"}, metrics, history)

    assert json.loads(json.dumps(run)) == run
    assert run["dataset"] == "otto"
    assert run["parameters"].keys() == {"system", "training"}
    assert run["parameters"]["training"]["epochs"] == 2
    assert run["data"] == {"fit": "abc"}
    assert run["metrics"] == metrics
    assert run["durations"] == {
        "epochs": 2,
        "training_seconds": 30.0,
        "evaluation_seconds": 3.0,
    }
    assert run["versions"]["python"] == platform.python_version()
    assert run["versions"]["polars"] == pl.__version__
    finished = datetime.fromisoformat(run["finished_at"])
    assert timedelta(0) <= datetime.now(UTC) - finished < timedelta(minutes=1)
