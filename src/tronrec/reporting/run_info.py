"""The record of a run: which code, data and parameters gave these numbers."""

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from tronrec.params import DatasetParams
from tronrec.version import __version__

PACKAGES = ("torch", "polars", "numpy", "kedro")


def source_version(file: Path = Path(__file__)) -> dict[str, Any] | None:
    """Return commit and state of the git checkout that holds `file`, if one does.

    A file that git does not track, such as one of an installed package, has no commit.
    """
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        return {
            "commit": _git(file, "rev-parse", "HEAD"),
            "dirty": bool(_git(file, "status", "--porcelain")),
        }
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def describe_run(
    dataset: str,
    params: DatasetParams,
    checksums: Mapping[str, str],
    metrics: Mapping[str, Any],
    history: pl.DataFrame,
) -> dict[str, Any]:
    """Return what is needed to judge a run's numbers, and to make them again.

    Args:
        dataset: Name of the data set.
        params: Every parameter of the run; a block that was left unset is left out.
        checksums: Part of the data set -> fingerprint of its packed sessions.
        metrics: The measurement on the test set.
        history: One row an epoch.
    """
    return {
        "dataset": dataset,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": params.model_dump(mode="json", include=params.model_fields_set),
        "data": dict(checksums),
        "metrics": dict(metrics),
        "durations": {
            "epochs": history.height,
            "training_seconds": history["seconds"].sum(),
            "evaluation_seconds": history["evaluation_seconds"].sum(),
        },
        "source": source_version(),
        "versions": {
            "python": platform.python_version(),
            "tronrec": __version__,  # the package itself need not be installed
            **{package: version(package) for package in PACKAGES},
        },
        "peak_bytes": _peak_bytes(),
        "machine": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
        },
    }


def _peak_bytes() -> int | None:
    """Return the largest memory of this process so far; only Linux counts in KiB."""
    if sys.platform != "linux":
        return None
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
