import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).parents[1]

os.environ["DO_NOT_TRACK"] = "1"

# More gain nothing on tiny tensors, and another number of threads rounds otherwise.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes depends on what else the machine does.
settings.register_profile("tronrec", deadline=None)
settings.load_profile("tronrec")


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the project's configuration, without what a user keeps in local/."""
    ignored = shutil.ignore_patterns("local")
    conf = Path(shutil.copytree(PROJECT / "conf", tmp_path / "conf", ignore=ignored))
    (conf / "local").mkdir()
    return conf


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in the project's folder, as a user would in a terminal."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
