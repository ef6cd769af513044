"""Memory for large results that is used again, instead of fresh from the system."""

import math

import torch
from torch import Tensor


class Scratch:
    """One piece of memory that each call of `take` hands out anew.

    Memory of tens of megabytes comes fresh from the system each time, and has to be
    cleared first: up to 3 ms for a product of 9 on a CPU.
    """

    def __init__(self) -> None:
        """Begin without memory; the first call of `take` asks the system for it."""
        self.release()

    def release(self) -> None:
        """Give the memory back, until the next call of `take`."""
        self.memory = torch.empty(0, dtype=torch.uint8)

    def take(
        self, like: Tensor, *shape: int, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Return a tensor of `shape` with arbitrary content, until the next call.

        Args:
            like: A tensor whose device the result has, and its dtype unless one is
                given.
            shape: Length of each dimension.
            dtype: Precision of the result.
        """
        dtype = dtype or like.dtype
        size = math.prod(shape) * dtype.itemsize
        if self.memory.numel() < size or self.memory.device != like.device:
            self.memory = like.new_empty(size, dtype=torch.uint8)
        return self.memory[:size].view(dtype).view(shape)
