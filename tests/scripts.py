"""Scripts of docs and benchmarks, which no package holds, as modules."""

import importlib.util
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).parents[1]


def load_script(name: str) -> ModuleType:
    """Run a script, such as `docs/hooks.py`, and return it as a new module."""
    path = PROJECT / name
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
