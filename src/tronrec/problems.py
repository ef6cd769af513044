"""What is wrong with parameters, in a user's words: full name, value, limit, remedy."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import reduce
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tronrec.errors import UserError
from tronrec.params import Params

MANY = 40
"""Names that are listed where none of them is close to what was given."""


def find_problems(model: type[Params], values: Any) -> dict[str, str]:
    """Return what keeps `values` from being parameters of `model`.

    Returns:
        For each problem the name of the parameter below the block, such as
        `.training.epochs`, and what follows it in a message, such as ` = -1: must be
        greater than or equal to 1`.
    """
    try:
        model.model_validate(values)
    except ValidationError as error:
        return {
            "".join(f".{name}" for name in details["loc"]): _describe(model, details)
            for details in error.errors()
        }
    return {}


def unknown_names(
    path: str, names: Iterable[str], known: Iterable[str]
) -> Iterator[str]:
    """Yield a line for each name in the block `path` that is not a known one."""
    for name in names:
        if name not in known:
            full_name = f"{path}.{name}" if path else name
            yield f"{full_name}: unknown; {suggest(name, known)}"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name closest to `name`, or the known ones."""
    known = list(known)
    if matches := get_close_matches(name, known, n=1):
        return f"did you mean {matches[0]}?"
    others = len(known) - MANY
    more = f" and {others} more" if others > 0 else ""
    return f"known: {', '.join(known[:MANY]) or 'none'}{more}"


def as_block(path: str, value: object) -> dict[str, Any]:
    """Return `value` if it is a mapping; nothing after the colon is an empty one.

    Raises:
        UserError: It is something else; `path` is its full name.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path} = {value!r}: must be a block of names and values")
    return {str(key): entry for key, entry in value.items()}


def _describe(model: type[Params], details: ErrorDetails) -> str:
    """Return value, limit and remedy of one error of pydantic's."""
    match details["type"]:
        case "extra_forbidden":
            *parents, name = map(str, details["loc"])
            known = reduce(_nested_model, parents, model).model_fields
            return f": unknown parameter; {suggest(name, known)}"
        case "value_error":  # a validator over several fields names them itself
            return f": {details['ctx']['error']}"
        case "model_type":
            return f" = {details['input']!r}: must be a block of names and values"
        case "tuple_type":
            return f" = {details['input']!r}: must be a list, such as [1, 2]"
        case _:
            limit = details["msg"].replace("Input should be", "must be", 1)
            return f" = {details['input']!r}: {limit}"


def _nested_model(model: Any, name: str) -> Any:
    """Return the type of the block `name` of a block, or of an entry of a mapping."""
    if isinstance(model, type) and issubclass(model, Params):
        return model.model_fields[name].annotation
    return get_args(model)[1]
