"""On which device work is done, and which precision it is fast in there."""

import logging
import time
from typing import Any

import torch

from tronrec.errors import UserError
from tronrec.ops.int8_matmul import multiplies_int8

logger = logging.getLogger(__name__)

TRIAL = 256, 256, 4096
"""Rows, components and columns of the product that tells how slow an emulation is."""


def choose_device(name: str) -> torch.device:
    """Return the device named; `auto` takes a GPU if there is one.

    Raises:
        UserError: `cuda` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device = cuda: torch finds no CUDA device; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        _round_as_a_cpu()
    return torch.device(name)


def _round_as_a_cpu() -> None:
    """Have a GPU round no factor to TF32, and sum no products in bfloat16.

    Torch allows the first for recurrent units, or wherever a user has allowed it, and
    the second for all products. Bounds of a search would not hold.
    """
    matmul: Any = torch.backends.cuda.matmul
    matmul.fp32_precision = "ieee"
    cudnn: Any = torch.backends.cudnn  # its settings have no types
    cudnn.conv.fp32_precision = "ieee"  # as the other: torch wants it
    cudnn.rnn.fp32_precision = "ieee"
    matmul.allow_bf16_reduced_precision_reduction = False


def coarse_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor multiplies it natively, float32 elsewhere.

    Coarse scores only narrow down candidates; logits and ranks are float32 everywhere.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def search_dtype(device: torch.device) -> torch.dtype:
    """Return int8 on a CPU that multiplies it fast, `coarse_dtype` elsewhere.

    For a search of which nothing is promised but that most of the best are found.
    """
    if device.type == "cpu" and multiplies_int8():
        return torch.int8
    return coarse_dtype(device)


def training_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return to what products are rounded in training; None: they stay float32.

    Args:
        precision: `training.precision`; `auto` takes what `coarse_dtype` returns. A
            bfloat16 that is emulated is warned of: results are right, but slow.
        device: Where the training runs.
    """
    native = coarse_dtype(device)
    if precision == "bfloat16" and native != torch.bfloat16:
        logger.warning(
            "training.precision = bfloat16: this processor only emulates it, and took "
            "%.1f times as long for a product as in float32; set it to auto or float32",
            product_seconds(torch.bfloat16, device) / product_seconds(None, device),
        )
    dtype = native if precision == "auto" else getattr(torch, precision)
    return None if dtype == torch.float32 else dtype


def product_seconds(dtype: torch.dtype | None, device: torch.device) -> float:
    """Return how long a product takes in a precision: the shortest of three."""
    rows, components, columns = TRIAL
    left = torch.ones(rows, components, dtype=dtype, device=device)
    right = torch.ones(components, columns, dtype=dtype, device=device)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for a GPU
        seconds.append(time.perf_counter() - started)
    return min(seconds)
