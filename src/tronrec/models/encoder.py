"""What an encoder is, and the choice of one: the only place that knows them all."""

from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor, nn

from tronrec.models.ensemble import Ensemble
from tronrec.models.gru import GRU
from tronrec.models.layout import Layout
from tronrec.models.transformer import Transformer
from tronrec.params import ModelParams


class Encoder(Protocol):
    """Item vectors of packed sessions in, one hidden state per row out.

    The hidden state of a row depends on no later row and on no other session.
    """

    def __call__(
        self, vectors: Float[Tensor, "events size"], layout: Layout
    ) -> Float[Tensor, "events size"]:
        """Return the hidden state of every row."""
        ...

    def last_states(
        self,
        vectors: Float[Tensor, "clicked size"],
        row: Int[Tensor, "events"],
        layout: Layout,
    ) -> Float[Tensor, "sessions size"]:
        """Return the hidden state of the last row of each session, without dropout.

        Args:
            vectors: Item vectors, each once.
            row: Which of them each packed row is.
            layout: Where each packed row stands.
        """
        ...


def choose_encoder(params: ModelParams) -> nn.Module:
    """Return an encoder of `params` with initial weights; it is an `Encoder`."""
    if params.members > 1:
        one = params.model_copy(update={"members": 1})
        return Ensemble(choose_encoder(one) for _ in range(params.members))
    match params.encoder:
        case "transformer":
            return Transformer(params)
        case "gru":
            return GRU(params)
