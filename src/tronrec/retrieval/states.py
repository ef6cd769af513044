"""Hidden states of the events that count, and no work for others than they need."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tronrec.batches import Batch
from tronrec.models.recommender import Recommender

FEW = 128
"""Rows up to which it costs less to encode them all the same way."""
ROWS = 4096
"""Rows that are encoded at once for their last state, which bounds the memory."""


def states_that_count(
    model: Recommender, batch: Batch, counted: Bool[Tensor, "events"]
) -> Float[Tensor, "counted size"]:
    """Return the hidden states of the events of a batch that count, in their order.

    Of an event past the window, and of a session that is to be continued, only the last
    state counts; the others are steps on the way to it.
    """
    items, layout = batch.clicks[batch.inputs], batch.layout
    if len(items) <= FEW:
        return model.forward(items, layout)[counted]
    ends = layout.ends
    before_end = counted.index_fill(0, ends, False)
    several = torch.zeros_like(ends, dtype=torch.bool)
    several[layout.session[before_end]] = True
    if several.all():
        return model.forward(items, layout)[counted]
    found = model.item_embeddings.new_empty(len(items), model.width)
    if several.any():
        rows, part = layout.select(several)
        found[rows] = model(items[rows], part)
    rows, part = layout.select(~several)
    last = [
        model.last_states(items[rows][chosen], some)
        for chosen, some in part.split(max(1, ROWS // layout.longest))
    ]
    found[ends[~several]] = torch.cat(last)
    return found[counted]
