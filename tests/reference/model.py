"""The transformer, one session at a time, in plain matrix products."""

import math

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from tronrec.models.recommender import Recommender
from tronrec.training.hard_negatives import Negatives


def all_negatives(negatives: Negatives) -> Tensor:
    """Return the negatives of each event, those that all events share first."""
    shared = negatives.shared.expand(len(negatives.per_event), -1)
    parts = [shared, negatives.per_event]
    if negatives.of_sessions is not None:
        of_sessions = negatives.of_sessions
        parts.insert(1, of_sessions.item_ids[of_sessions.session])
    return torch.cat(parts, 1)


def norm(rows: Tensor, module: torch.nn.LayerNorm) -> Tensor:
    return layer_norm(rows, rows.shape[-1:], module.weight, module.bias)


def hidden_states(model: Recommender, items: Tensor) -> Tensor:
    """Return the hidden state after each click of one session, in float64."""
    model = model.double()
    vectors = model.item_embeddings[items]
    members = getattr(model.encoder, "members", [model.encoder])
    parts = torch.tensor_split(vectors, len(members), dim=1)
    states = [
        states_of_one(encoder, part, model.params.temperature)
        for encoder, part in zip(members, parts, strict=True)
    ]
    return torch.cat(states, 1) / len(members)


def states_of_one(encoder, vectors: Tensor, temperature: float | None) -> Tensor:
    """Return the hidden state after each click, of one member of an ensemble."""
    count, size = vectors.shape
    rows = vectors * math.sqrt(size) + encoder.positions.weight[:count]
    for block in encoder.blocks:
        normed = norm(rows, block.attention_norm)
        stacked = normed @ block.query_key_value.weight.T + block.query_key_value.bias
        query, key, value = stacked.split(size, dim=1)
        width = size // block.heads
        attended = torch.zeros_like(rows)
        for head in range(block.heads):
            part = slice(head * width, (head + 1) * width)
            for now in range(count):
                scores = key[: now + 1, part] @ query[now, part] / math.sqrt(width)
                attended[now, part] = scores.softmax(0) @ value[: now + 1, part]
        out = block.attention_out
        rows = rows + attended @ out.weight.T + out.bias
        normed = norm(rows, block.feed_forward_norm)
        wide = (normed @ block.widen.weight.T + block.widen.bias).clamp(min=0)
        rows = rows + wide @ block.narrow.weight.T + block.narrow.bias
    states = norm(rows, encoder.norm)
    if encoder.readout is not None:
        means = mean_of_items(encoder.readout, states, vectors)
        out = encoder.readout.output
        states = means if out is None else means + 0.1 * out(states)
    if temperature is not None:
        states = states / states.norm(dim=1, keepdim=True) / temperature
    return states


def mean_of_items(readout, states: Tensor, vectors: Tensor) -> Tensor:
    """Return the attention-weighted mean of the vectors up to each click."""
    query = states @ readout.query.weight.T + readout.query.bias
    key = states @ readout.key.weight.T + readout.key.bias
    means = torch.zeros_like(vectors)
    for now in range(len(states)):
        scores = key[: now + 1] @ query[now] / math.sqrt(states.shape[1])
        means[now] = scores.softmax(0) @ vectors[: now + 1]
    return means
