"""The gated recurrent unit, one click at a time, in plain matrix products."""

import torch
from torch import Tensor

from tronrec.models.recommender import Recommender


def hidden_states(model: Recommender, items: Tensor) -> Tensor:
    """Return the hidden state after each click of one session, in float64."""
    unit = {k: v.double() for k, v in model.encoder.unit.state_dict().items()}
    size = model.params.hidden_size
    rows = model.item_embeddings[items].double()[:, :size]
    for layer in range(model.params.layers):
        weights, recurrent, bias, recurrent_bias = (
            unit[f"{name}_l{layer}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state, states = torch.zeros(size).double(), []
        for row in rows:
            given = (weights @ row + bias).split(size)
            known = (recurrent @ state + recurrent_bias).split(size)
            reset = (given[0] + known[0]).sigmoid()
            update = (given[1] + known[1]).sigmoid()
            new = (given[2] + reset * known[2]).tanh()
            state = (1 - update) * new + update * state
            states.append(state)
        rows = torch.stack(states)
    if model.params.item_bias:
        rows = torch.cat([rows, torch.ones(len(rows), 1).double()], 1)
    return rows
