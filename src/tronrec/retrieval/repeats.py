"""What items gain in score by having been clicked in the session before.

Visitors come back: a fifth of Diginetica's clicks are on an item of the same session. A
model is surer of what follows in the sessions it has learned than in new ones, and so
it rates coming back too low there. Training cannot tell it, validation can.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from tronrec.batches import Batch
from tronrec.params import RankingParams
from tronrec.retrieval.gains import Gains
from tronrec.schemas import PADDING


def find_clicks(
    batch: Batch, counted: Bool[Tensor, "events"]
) -> Int[Tensor, "events clicks"]:
    """Return the items clicked up to the events that count, the newest first.

    Padding stands where there is no click.
    """
    lag = torch.arange(batch.layout.longest, device=counted.device)
    last = batch.inputs[counted, None]
    items = batch.clicks[(last - lag).clamp(min=0)]
    return items.masked_fill(lag > batch.layout.position[counted, None], PADDING)


def find_repeats(
    batch: Batch, counted: Bool[Tensor, "events"], params: RankingParams
) -> Gains:
    """Return the session's items up to the events that count, and what they gain.

    That of the last click comes first; padding stands where there is no click, or a
    later one on the same item.

    Args:
        batch: The sessions.
        counted: Which of its events count.
        params: What the item of the last click gains, of the one before it, and so on;
            and what any gains for its clicks.
    """
    lag = torch.arange(batch.layout.longest, device=counted.device)
    items = find_clicks(batch, counted)
    ordered, order = items.sort(dim=1, stable=True)
    again = pad(ordered[:, 1:] == ordered[:, :-1], (1, 0))
    by_lag = torch.tensor(params.gains_by_lag, device=counted.device)
    values = by_lag[lag.clamp(max=len(by_lag) - 1)].expand(items.shape)
    if params.count_gain:
        logs = torch.zeros_like(values).scatter(1, order, _run_lengths(again).log())
        values = values + params.count_gain * logs
    again = torch.zeros_like(again).scatter(1, order, again)
    return Gains(items.masked_fill(again, PADDING), values)


def _run_lengths(
    again: Bool[Tensor, "events clicks"],
) -> Float[Tensor, "events clicks"]:
    """Return how long the run of each column is; `again`: it goes on with the run."""
    run = (~again).cumsum(1) - 1
    ones = torch.ones(run.shape, device=run.device)
    return torch.zeros_like(ones).scatter_add(1, run, ones).gather(1, run)
