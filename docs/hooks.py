"""Fills pages with what the code already knows, so that the two cannot disagree.

A page asks with a line such as `<!-- generate: parameters -->`. MkDocs calls
`on_page_markdown` for each page.
"""

import ast
import inspect
import json
import re
from dataclasses import asdict
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tronrec.params import DatasetParams, Params
from tronrec.reporting.paper import LABELS, TABLE_1, TABLE_2
from tronrec.reporting.tables import markdown_table

MARKER = re.compile(r"<!-- generate: (\w+) -->")

SIGNS = {
    "ge": "≥",
    "gt": ">",
    "le": "≤",
    "lt": "<",
    "min_length": "length ≥",
    "max_length": "length ≤",
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each marker of a page by the tables it asks for."""
    return MARKER.sub(lambda match: GENERATORS[match[1]](), markdown)


def parameters() -> str:
    """Return all parameters, read off the models: a section for each block."""
    defaults = DatasetParams()
    blocks = [(name, block) for name, block in defaults if isinstance(block, Params)]
    sections = [
        f"## {name}\n\n{inspect.getdoc(type(block))}\n\n{_table(block)}"
        for name, block in blocks
    ]
    return "\n".join([_table(defaults), *sections])


def _table(block: Params) -> str:
    """Return a row for each parameter of a block that is no block itself."""
    docs = attribute_docstrings(type(block))
    defaults = block.model_dump(mode="json")
    rows = [
        [f"`{name}`", _allowed(info), f"`{json.dumps(defaults[name])}`", docs[name]]
        for name, info in type(block).model_fields.items()
        if not isinstance(getattr(block, name), Params)
    ]
    header = ["parameter", "allowed", "default", "meaning"]
    return markdown_table(header, rows, align=":--")


def attribute_docstrings(model: type) -> dict[str, str]:
    """Return the string below each field of a class, as one line."""
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _allowed(info: FieldInfo) -> str:
    """Return the type of a field, or its choices, and its limits."""
    limits = [
        f"{SIGNS[sign]} {limit}"
        for bound in info.metadata
        for sign, limit in asdict(bound).items()
        if sign in SIGNS and limit is not None
    ]
    return " ".join([_type_name(info.annotation), ", ".join(limits)]).strip()


def _type_name(kind: Any) -> str:
    """Return a type in words, such as `int or null`."""
    if get_origin(kind) is Annotated:
        return _type_name(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) in {Union, UnionType}:
        return " or ".join(_type_name(part) for part in get_args(kind))
    if get_origin(kind) is None:
        return {type(None): "null", ...: "..."}.get(kind, getattr(kind, "__name__", ""))
    parts = ", ".join(_type_name(part) for part in get_args(kind))
    return f"{get_origin(kind).__name__}[{parts}]"


def table_1() -> str:
    """Return Table 1 of the paper."""
    header = ["", "train sessions", "events", "items", "test sessions", "events"]
    rows = [
        [name, *parts["train"], parts["test"].sessions, parts["test"].events]
        for name, parts in TABLE_1.items()
    ]
    return markdown_table(header, rows)


def table_2() -> str:
    """Return Table 2 of the paper: Recall@20 / MRR@20 / epochs per hour."""
    rows = [
        [LABELS[system]]
        + [
            f"{result.recall:.3f} / {result.mrr:.3f} / {result.epochs_per_hour:.3g}"
            for result in (results[system] for results in TABLE_2.values())
        ]
        for system in TABLE_2["diginetica"]
    ]
    return markdown_table(["", *TABLE_2], rows)


GENERATORS = {"parameters": parameters, "table_1": table_1, "table_2": table_2}
