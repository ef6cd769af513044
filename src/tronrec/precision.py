"""Where work is done, and in which precision candidates may be compared."""

import torch
from jaxtyping import Float
from torch import Tensor

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


class CoarseProduct:
    """Products of hidden states and items that are only compared, in reused memory.

    Memory of this size comes fresh from the system each time, which a CPU pays for with
    a good part of the product's own time.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        """Keep the precision of the products."""
        self.dtype = dtype
        self.memory = torch.empty(0)

    def __call__(
        self, hidden: Float[Tensor, "events size"], vectors: Float[Tensor, "items size"]
    ) -> Float[Tensor, "events items"]:
        """Return the products, which are overwritten by the next ones."""
        left, right = hidden.to(self.dtype), vectors.to(self.dtype)
        size = len(left) * len(right)
        if self.memory.numel() < size or self.memory.device != left.device:
            self.memory = left.new_empty(size)
        out = self.memory[:size].view(len(left), len(right))
        return torch.mm(left, right.T, out=out)
