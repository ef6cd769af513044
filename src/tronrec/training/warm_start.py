"""A training that starts from a finished model, on a catalogue that has changed.

Items keep their vectors by the shop's ids, and the encoder stays as it is. Moments of
the optimisers are not carried over: those in a checkpoint are of its last epoch, the
model is of its best one, and the file of a model has none.
"""

import polars as pl
import torch
from torch import Tensor

from tronrec.checkpoint import Checkpoint, TrainingState, with_prefix
from tronrec.data.item_ids import find_numbers
from tronrec.errors import UserError
from tronrec.model_file import ITEM_TABLE, ModelFile
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, SystemParams
from tronrec.training.loop import TrainingSessions

SHAPELESS = {"dropout", "item_dropout"}
"""Parameters of the encoder with which weights of any other value can go on."""


def warm_start(
    system: SystemParams,
    sessions: TrainingSessions,
    former: ModelFile,
    item_ids: pl.Series,
) -> Checkpoint:
    """Return a training before its first epoch, with the weights of a model.

    Args:
        system: What is to be trained.
        sessions: What it is to learn from.
        former: The model.
        item_ids: The shop's ids of the items of `sessions`, from number 1 on.

    Raises:
        UserError: The model is of another architecture, or its ids of another type.
    """
    weights = warm_weights(system.model, system.training.seed, former, item_ids)
    state = TrainingState(
        parameters=system, data=sessions.fingerprints(), history=(), device="cpu"
    )
    return Checkpoint(with_prefix("model", weights), state)


def warm_weights(
    params: ModelParams, seed: int, former: ModelFile, item_ids: pl.Series
) -> dict[str, Tensor]:
    """Return a model's weights, with a row for each of `item_ids`.

    Rows of items that it knows are its own; others are drawn as at any start, from
    `seed`.

    Raises:
        UserError: The model is of another architecture, or its ids of another type.
    """
    _check_architecture(params, former.card.parameters.model)
    _check_type(former.item_ids, item_ids)
    torch.manual_seed(seed)
    weights = Recommender(params, len(item_ids)).state_dict()
    numbers = torch.tensor(find_numbers(former.item_ids, item_ids))
    known = numbers.nonzero().flatten()
    old = former.model.state_dict()
    table = weights[ITEM_TABLE]
    table[1 + known] = old[ITEM_TABLE][numbers[known]]
    return old | {ITEM_TABLE: table}


def _check_architecture(now: ModelParams, then: ModelParams) -> None:
    before = then.model_dump(exclude=SHAPELESS)
    changed = [
        f"model.{name} = {before[name]} (now {value})"
        for name, value in now.model_dump(exclude=SHAPELESS).items()
        if value != before[name]
    ]
    if changed:
        raise UserError(
            f"The model was trained with {', '.join(changed)}, and its weights fit "
            "nothing else: set it back, or train anew with the train_* pipeline"
        )


def _check_type(then: pl.Series, now: pl.Series) -> None:
    if then.dtype != now.dtype:
        text = pl.String()
        before, after = (
            "text" if ids.dtype == text else "whole numbers" for ids in (then, now)
        )
        raise UserError(
            f"The model's item ids are {before}, and those of the log are {after}: set "
            "columns.item_type back, or train anew with the train_* pipeline"
        )
