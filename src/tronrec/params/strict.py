"""What all parameter models have in common."""

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Params(BaseModel):
    """Base of all parameter models: immutable; misspelt names, infinity are errors.

    So is a Boolean in the place of a number, which Python takes for 0 or 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_not_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        types = _types_in(cls.model_fields[str(info.field_name)].annotation)
        values = value if isinstance(value, list | tuple) else [value]
        if types & {int, float} and bool not in types:
            for entry in values:
                if isinstance(entry, bool):
                    raise PydanticCustomError(
                        "boolean", "must be a number, not true or false"
                    )
        return value


def _types_in(annotation: Any) -> set[Any]:
    """Return the plain types of which an annotation is made up."""
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    return set().union(*map(_types_in, parts)) if parts else {annotation}
