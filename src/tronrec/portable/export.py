"""Writes the ONNX file: a graph, and the shop's ids in its metadata."""

import json
import logging
import warnings
from pathlib import Path

import torch

from tronrec.checkpoint import Checkpoint
from tronrec.errors import UserError
from tronrec.files import replacing
from tronrec.model_file import ModelFile
from tronrec.params import LARGEST_K
from tronrec.portable.graph import PaddedRecommender

logger = logging.getLogger(__name__)

OPSET = 17
LARGEST = 2_000_000_000
"""Bytes of a file, which ONNX keeps below 2 GiB."""


def export_model(model: Path, path: Path, k: int) -> None:
    """Write a model as one ONNX file.

    Args:
        model: The file that a train_* pipeline wrote.
        path: The ONNX file.
        k: Length of the lists, at most 1,000.

    Raises:
        UserError: The extra is not installed, k is out of range, or the model is not
            there, damaged, or too large for one file.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError(
            f'{error}; the export needs its extra: pip install "tronrec[onnx]"'
        ) from error
    if not 1 <= k <= LARGEST_K:
        raise UserError(f"k = {k}: must be from 1 to {LARGEST_K:,}")
    if not model.is_file():
        raise UserError(f"{model}: no such file; the train_* pipelines write models")
    file = ModelFile.read(Checkpoint.load(model))
    size = 2 * file.model.item_embeddings.nbytes
    if (follow := file.terms.successors) is not None:
        size += follow.items.nbytes + follow.gains.nbytes
    if size > LARGEST:
        raise UserError(
            f"{model}: its item table is too large for one ONNX file, which holds two "
            f"copies of it ({size:,} bytes of at most {LARGEST:,})"
        )
    with replacing(path) as aside:
        _write(PaddedRecommender(file, k).eval(), aside)
        graph = onnx.load(aside)
        facts = {
            "item_ids": json.dumps(file.item_ids.to_list()),
            "window": str(file.model.params.window),
            "model": f"{file.card.system} of {file.card.trained.isoformat()}",
        }
        onnx.helper.set_model_props(graph, facts)
        onnx.save(graph, aside)


def _write(graph: PaddedRecommender, path: Path) -> None:
    example = torch.ones(2, 3, dtype=torch.long)
    example[0, 2] = 0
    with warnings.catch_warnings(), torch.no_grad():
        # The newer exporter unrolls a GRU for one length of session.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (example,),
            path,
            input_names=["items"],
            output_names=["best", "scores"],
            dynamic_axes={
                "items": {0: "sessions", 1: "clicks"},
                "best": {0: "sessions"},
                "scores": {0: "sessions"},
            },
            opset_version=OPSET,
            dynamo=False,
        )
