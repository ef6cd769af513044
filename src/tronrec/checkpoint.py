"""Checkpoints of trainings and trained models: tensors and typed facts in one file.

A file is whole or absent, and runs no code when it is read. torch is imported when a
file is read or written, so that nodes can name the types.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import TypeAdapter, ValidationError

from tronrec.errors import UserError
from tronrec.files import replacing
from tronrec.params import Params, SystemParams

if TYPE_CHECKING:
    from torch import Tensor

METADATA = "tronrec"
"""Where the facts stand in a file."""
VERSION = 2
"""Changes with the names of tensors and the fields of the facts."""


class EpochRecord(Params):
    """What is known of a finished epoch."""

    epoch: int
    """Its number, from 1 on."""
    step: int
    """Steps so far, of all epochs."""
    seconds: float
    """Spent on training in this epoch."""
    evaluation_seconds: float
    """Spent on the validation sessions after it."""
    loss: float
    """Mean over the events of the epoch."""
    learning_rate: float
    """The encoder's, at the last step."""
    validation: dict[str, float]
    """Metric at 20 -> its value on the validation sessions. Empty if there are none, or
    if ranking terms were changed after the epoch's weights were dropped."""


class DataFingerprints(Params):
    """By what the data of a training are recognised."""

    items: int
    """Size of the catalogue."""
    fit: str
    """Fingerprint of the sessions to learn from."""
    validation: str
    """Fingerprint of the sessions to measure epochs on."""
    origin: str | None = None
    """Fingerprint of the model whose weights it started from; None: they were drawn."""


class TrainingState(Params):
    """Facts of a training's checkpoint; its tensors are weights and moments.

    Weights of the best epoch are beside those of the last one where they are others.
    """

    kind: Literal["training"] = "training"
    parameters: SystemParams
    data: DataFingerprints
    history: tuple[EpochRecord, ...]
    peak_bytes: int | None = None
    """Largest memory of the training so far, where it was measured."""
    device: str
    """The type of the device it ran on, such as `cpu`."""

    @property
    def key(self) -> str:
        """The name of the training, which its further epochs share."""
        return training_key(self.parameters, self.data)


class ModelCard(Params):
    """Facts of a trained model: what it is, and what it was made with."""

    kind: Literal["model"] = "model"
    system: str
    """The name of the system, such as `tron_xl`."""
    parameters: SystemParams
    epoch: int
    """The epoch after which its weights were taken."""
    validation: dict[str, float]
    """Metric at 20 -> its value on the validation sessions after that epoch."""
    data: DataFingerprints
    trained: datetime
    """When the model was written."""


def training_key(parameters: SystemParams, data: DataFingerprints) -> str:
    """Return a name that trainings share if they lead to the same weights."""
    decisive = parameters.deciding_weights() | data.model_dump(exclude_none=True)
    text = json.dumps(decisive, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


_FACTS: TypeAdapter[TrainingState | ModelCard] = TypeAdapter(TrainingState | ModelCard)


@dataclass
class Checkpoint:
    """Named tensors, and facts about them."""

    tensors: "dict[str, Tensor]"
    facts: TrainingState | ModelCard
    path: Path | None = field(default=None, compare=False)
    """The file it was saved in last."""

    @property
    def state(self) -> TrainingState:
        """The facts of a training.

        Raises:
            UserError: This is a model.
        """
        if isinstance(self.facts, TrainingState):
            return self.facts
        raise UserError(
            "A trained model cannot be trained on; name the file "
            "checkpoint.safetensors that is beside it"
        )

    @property
    def card(self) -> ModelCard:
        """The facts of a model.

        Raises:
            UserError: This is the checkpoint of a training.
        """
        if isinstance(self.facts, ModelCard):
            return self.facts
        raise UserError(
            "A training's checkpoint is no finished model; name the file "
            "model.safetensors that the train_* pipeline writes beside it"
        )

    def fingerprint(self) -> str:
        """Return by what a model or a training is recognised: equal for no other."""
        return hashlib.sha256(self.facts.model_dump_json().encode()).hexdigest()[:12]

    def part(self, name: str) -> "dict[str, Tensor]":
        """Return the tensors whose names start with `name.`, without it."""
        prefix = f"{name}."
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }

    def best_weights(self) -> "dict[str, Tensor]":
        """Return the weights of a training's best epoch; often that is the last one."""
        return self.part("best") or self.part("model")

    def save(self, path: Path) -> None:
        """Write a safetensors file that takes the place of `path` when it is whole."""
        from safetensors.torch import save_file

        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        facts = {"version": VERSION, "facts": self.facts.model_dump(mode="json")}
        with replacing(path) as aside:
            save_file(tensors, aside, {METADATA: json.dumps(facts, allow_nan=False)})
            aside.chmod(0o644)  # safetensors makes it readable to its owner only
        self.path = path

    @classmethod
    def load(cls, path: Path, *, facts_only: bool = False) -> Self:
        """Read a file that `save` wrote, to the CPU.

        Tensors are mapped: what is not looked at takes no memory, and what is can be
        read again whenever memory is needed for something else.

        Args:
            path: The file.
            facts_only: Whether to leave the tensors out, which takes no time.

        Raises:
            UserError: The file is not one of ours, of another version, or damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                facts = _read_facts(path, file.metadata() or {})
                names = [] if facts_only else list(file.keys())
                return cls({name: file.get_tensor(name) for name in names}, facts)
        except (SafetensorError, KeyError, ValidationError, OSError) as error:
            raise UserError(
                f"{path}: not a readable tronrec checkpoint ({error}); delete it to "
                "train from the start, or restore it from a copy"
            ) from error


def _read_facts(path: Path, metadata: dict[str, str]) -> TrainingState | ModelCard:
    if "tronrec-1" in metadata:
        version = 1
    else:
        try:
            content = json.loads(metadata[METADATA])
            version = content["version"]
        except (json.JSONDecodeError, TypeError) as error:
            raise KeyError(METADATA) from error
    if version != VERSION:
        raise UserError(
            f"{path}: of version {version} of the file format, and this program reads "
            f"version {VERSION}; delete it and run the train_* pipeline again"
        )
    return _FACTS.validate_python(content["facts"])


def with_prefix(name: str, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Return the tensors under `name.`, as `Checkpoint.part` finds them."""
    return {f"{name}.{key}": tensor for key, tensor in tensors.items()}
