"""Takes each event's target out of scores whose columns all events share."""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from tronrec.ops.topk import lowest


def mask_targets(
    scores: Shaped[Tensor, "events items"],
    item_ids: Int[Tensor, "items"],
    targets: Int[Tensor, "events"],
) -> None:
    """Set the score of each event's target to the lowest there is, in place.

    A CPU looks the few hits up. A GPU compares all pairs, and need not wait for their
    number.

    Args:
        scores: Score of each item for each event.
        item_ids: The item of each column; one may stand in several columns.
        targets: The item of each event that is no candidate.
    """
    if scores.is_cuda:
        scores.masked_fill_(item_ids == targets[:, None], lowest(scores))
        return
    ordered, order = targets.sort()
    first = torch.searchsorted(ordered, item_ids)
    is_hit = ordered[first.clamp(max=len(ordered) - 1)] == item_ids
    [hits] = is_hit.nonzero(as_tuple=True)
    counts = torch.searchsorted(ordered, item_ids[hits], right=True) - first[hits]
    column, begin = hits.repeat_interleave(counts), counts.cumsum(0) - counts
    place = torch.arange(len(column)) - begin.repeat_interleave(counts)
    scores[order[first[column] + place], column] = lowest(scores)
