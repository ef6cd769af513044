"""Tensors and facts in one file that is whole or absent, and runs no code when read.

torch is imported when a file is read or written, so that nodes can name the type.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tronrec.errors import UserError
from tronrec.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

FACTS = "tronrec-1"
"""Where the facts stand in a file; the number changes with what they hold."""


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors, and whatever JSON can say about them."""

    tensors: "dict[str, Tensor]"
    facts: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> "dict[str, Tensor]":
        """Return the tensors whose names start with `name.`, without it."""
        prefix = f"{name}."
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }

    def save(self, path: Path) -> None:
        """Write a safetensors file beside `path`, then put it in its place."""
        from safetensors.torch import save_file

        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        facts = {FACTS: json.dumps(self.facts, allow_nan=False)}
        with replacing(path) as aside:
            save_file(tensors, aside, facts)
            aside.chmod(0o644)  # safetensors makes it readable to its owner only

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote, to the CPU.

        Raises:
            UserError: The file is not one of ours, or damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                facts = json.loads((file.metadata() or {})[FACTS])
                names = list(file.keys())
                return cls({name: file.get_tensor(name) for name in names}, facts)
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise UserError(
                f"{path}: not a readable tronrec checkpoint ({error}); delete it to "
                "train from the start, or restore it from a copy"
            ) from error


def with_prefix(name: str, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Return the tensors under `name.`, as `Checkpoint.part` finds them."""
    return {f"{name}.{key}": tensor for key, tensor in tensors.items()}
