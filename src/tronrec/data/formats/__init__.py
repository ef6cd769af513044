"""The raw formats, a module for each publisher: a new one is a new file here."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from tronrec.data.formats.raw_format import RawFormat


def _find_formats() -> Mapping[str, RawFormat]:
    """Return the formats that the modules of this package define, by their names."""
    modules = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)]
    formats = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, RawFormat)
    ]
    return MappingProxyType({raw_format.name: raw_format for raw_format in formats})


FORMATS = _find_formats()
"""Name in the catalog -> format."""

__all__ = ["FORMATS", "RawFormat"]
