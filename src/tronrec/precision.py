"""Where work is done, and in which precision candidates may be compared."""

import torch

from tronrec.errors import UserError


def choose_device(name: str) -> torch.device:
    """Return the device named; `auto` takes a GPU if there is one.

    Raises:
        UserError: `cuda` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "training.device = cuda: torch finds no CUDA device; use auto or cpu"
        )
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
