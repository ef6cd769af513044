"""Session-based recommenders, trained without padding and evaluated exactly.

    model = tronrec.load("data/06_models/otto/model.safetensors")
    model.recommend([[59625, 1142000]], k=20)

The names here are imported when they are used: `import tronrec` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tronrec.version import __version__

if TYPE_CHECKING:
    from tronrec.answers import Request
    from tronrec.errors import UserError
    from tronrec.evaluation.model import evaluate_model as evaluate
    from tronrec.recommend import TrainedModel
    from tronrec.training.launch import train_system as train

    load = TrainedModel.load

__all__ = [
    "Request",
    "TrainedModel",
    "UserError",
    "__version__",
    "evaluate",
    "load",
    "train",
]

_PLACES = {
    "Request": ("answers", "Request"),
    "TrainedModel": ("recommend", "TrainedModel"),
    "UserError": ("errors", "UserError"),
    "evaluate": ("evaluation.model", "evaluate_model"),
    "load": ("recommend", "TrainedModel.load"),
    "train": ("training.launch", "train_system"),
}


def __getattr__(name: str) -> Any:
    """Return a public name; its module is imported now."""
    if name not in _PLACES:
        raise AttributeError(f"module 'tronrec' has no attribute {name!r}")
    module, path = _PLACES[name]
    value: Any = import_module(f"tronrec.{module}")
    for part in path.split("."):
        value = getattr(value, part)
    return value
