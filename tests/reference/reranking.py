"""The second stage of the ranking by the definition: one item after the other."""

import math

import numpy as np
import torch

from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.reranker import FEATURES, HIDDEN, RECENT, SHAPES, SHORT, Network


def make_network(seed: int) -> str:
    """Return a random network, as it is written down."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=shape) / 4 for shape in SHAPES]
    parts[0] = np.array(1.0)
    return Network(*(torch.from_numpy(part) for part in parts)).encode()


def rerank(
    scores: list[float],
    terms: RankingTerms,
    clicks: list[int],
    vectors: list[list[float]],
) -> list[float]:
    """Return the final scores of items 1..|I|, from those of the first stage.

    Args:
        scores: Those of the first stage.
        terms: The ranking terms.
        clicks: The session, the newest click last.
        vectors: Of each item, from that of padding on.
    """
    assert terms.reranker is not None
    network = [part.numpy() for part in vars(terms.reranker.network).values()]
    popularity = terms.reranker.popularity.double().tolist()
    follow = {}
    if terms.successors is not None:
        found = terms.successors.after(torch.tensor(clicks[-1:]), 1)
        items, values = found.items[0].tolist(), found.values[0].tolist()
        follow = dict(zip(items, values, strict=True))
    order = sorted(range(1, len(scores) + 1), key=lambda item: -scores[item - 1])
    best = order[:SHORT]
    top = max(scores[item - 1] for item in best)
    total = top + math.log(sum(math.exp(scores[item - 1] - top) for item in best))
    second = {}
    for item in best:
        first, lag = scores[item - 1], 0
        if item in clicks:
            lag = 1 + clicks[::-1].index(item)
        features = [
            first,
            first - top,
            first - total,
            float(lag == 1),
            float(lag == 2),
            float(lag > 2),
            math.log(max(1, clicks.count(item))),
            follow.get(item, 0.0),
            0.0 if terms.trend is None else float(terms.trend[item]),
            popularity[item],
            popularity[clicks[-1]],
            math.log(len(clicks)),
            math.log(len(set(clicks))),
        ]
        alike = [_cosine(vectors[item], vectors[c]) for c in clicks[-RECENT:][::-1]]
        features += [max(alike), *alike, *[0.0] * (RECENT - len(alike))]
        assert len(features) == FEATURES
        second[item] = _pass(network, features)
    drop = min(scores[item - 1] for item in best) - min(second.values())
    return [
        second.get(item, first - drop) for item, first in enumerate(scores, start=1)
    ]


def _cosine(ours: list[float], theirs: list[float]) -> float:
    product = sum(x * y for x, y in zip(ours, theirs, strict=True))
    return product / math.hypot(*ours) / math.hypot(*theirs)


def _pass(network: list[np.ndarray], features: list[float]) -> float:
    of_score, first, first_bias, second, second_bias, last = network
    rows = features
    for weights, bias in ((first, first_bias), (second, second_bias)):
        sums = [
            bias[column]
            + sum(x * w for x, w in zip(rows, weights[:, column], strict=True))
            for column in range(HIDDEN)
        ]
        rows = [total / (1 + math.exp(-total)) for total in sums]
    products = (x * w for x, w in zip(rows, last, strict=True))
    return float(of_score) * features[0] + sum(products)
