"""Which data sets there are: the catalog says so, and what it leaves out follows.

A data set is a name with an entry `raw_log`, such as `otto.raw_log`. This module works
on plain dicts and does not know Kedro.
"""

import re
from typing import Any

from tronrec.errors import UserError

RUNTIME_KEYS = ("raw_root",)
"""What `--params` may set beside the blocks: values that only the catalog reads."""

SHARED_BLOCKS = ("systems", "tuning")
"""Blocks of parameters that concern all data sets."""

NAME = r"[A-Za-z]\w*"
"""What a data set may be called: its name is part of pipelines and of folders."""

RAW_LOG, LIVE_LOG = "raw_log", "live_log"
RAW_LOG_TYPE = "tronrec.datasets.RawLogDataset"

Tree = dict[str, Any]


def find_datasets(catalog: Tree) -> tuple[str, ...]:
    """Return the names of the data sets, in the order of the catalog.

    Raises:
        UserError: A name cannot be one.
    """
    ends = f".{RAW_LOG}"
    names = [key.removesuffix(ends) for key in catalog if key.endswith(ends)]
    found = tuple(name for name in names if "{" not in name)
    for name in found:
        if problem := name_problem(name):
            raise UserError(f"{name}{ends} in the catalog: {problem}")
    return found


def name_problem(name: str) -> str | None:
    """Return why nothing can be called so, and what can."""
    if name in (*SHARED_BLOCKS, *RUNTIME_KEYS):
        return f"{name} is a parameter of all data sets; choose another name"
    if not re.fullmatch(NAME, name, re.ASCII):
        return (
            f"{name!r} is no name of a data set; use letters, digits and _, and begin "
            "with a letter"
        )
    return None


def complete_catalog(catalog: Tree) -> Tree:
    """Return the catalog with a log of live sessions for every data set.

    One that is not stated lies beside the raw log, in the same format, where that is a
    log of ours and no data set of another kind.
    """
    logs = {name: catalog[f"{name}.{RAW_LOG}"] for name in find_datasets(catalog)}
    lives = {
        f"{name}.{LIVE_LOG}": log | {"live": True}
        for name, log in logs.items()
        if isinstance(log, dict) and log.get("type") == RAW_LOG_TYPE
    }
    return lives | catalog
