"""On which device work is done, and which precision it is fast in there."""

import torch

from tronrec.errors import UserError


def choose_device(name: str) -> torch.device:
    """Return the device named; `auto` takes a GPU if there is one.

    Raises:
        UserError: `cuda` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device = cuda: torch finds no CUDA device; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


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
    """Return int8 on a CPU that multiplies it natively, `coarse_dtype` elsewhere.

    For a search of which nothing is promised but that most of the best are found.
    """
    if device.type == "cpu" and torch.cpu._is_vnni_supported():
        return torch.int8
    return coarse_dtype(device)
