"""The second stage of the ranking, fitted to held-out sessions.

Its network learns to find the item that was clicked next among the best of the first
stage (a softmax over the list: Cao et al., 2007, ListNet, with one item that counts).
How good it is, is told by sessions that it has not learned: those of each quarter are
ordered by a network of the three others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import predictions
from tronrec.models.recommender import Recommender
from tronrec.params import RankingParams
from tronrec.progress import Progress
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.reranker import SHAPES, Network, count_popularity
from tronrec.retrieval.scorer import Scorer

EPOCHS, BATCH, RATE, DECAY = 30, 256, 1e-2, 1e-4
"""Passes over the events, events of a step, and Adam's peak rate and weight decay."""
TRUST = 0.75
"""How far an item's score goes from that of the first stage to what was learned: of few
events, some is by chance."""
FOLDS = 4
"""Parts of the sessions, each of which is ordered by a network of the others."""
FEWEST = 500
"""Events with the target among the best, without which nothing is fitted."""
SEED = 0


@dataclass(frozen=True)
class Examples:
    """Events, and what the second stage sees of the best items of each."""

    features: Float[Tensor, "events short features"]
    target: Int[Tensor, "events"]
    """The place of the target among them; -1: it is none of them."""
    session: Int[np.ndarray, "events"]
    """Number of the session of each event."""

    @classmethod
    @torch.no_grad()
    def collect(
        cls,
        model: Recommender,
        terms: RankingTerms,
        known: PackedSessions,
        sessions: PackedSessions,
    ) -> Self:
        """Look at the events of held-out sessions.

        Args:
            model: A trained model.
            terms: Those of the first stage.
            known: The sessions that it was trained on, by which items are popular.
            sessions: The held-out sessions.
        """
        scorer, window = Scorer(model.eval(), terms), model.params.window
        device = model.item_embeddings.device
        popularity = count_popularity([known], model.num_items).to(device)
        features, target = [], []
        batches = predictions(sessions, window=window, batch_size=1024, device=device)
        with Progress("re-ranking", sessions.num_targets, "events", shown=True) as bar:
            for batch, counted in batches:
                shortlist = scorer.shortlist(batch, counted)
                targets = batch.clicks[batch.targets][counted]
                same = shortlist.items == targets[:, None]
                place = torch.where(same.any(1), same.int().argmax(1), -1)
                features.append(shortlist.features(popularity).float().cpu())
                target.append(place.cpu())
                bar.update(len(targets))
        session = sessions.session_of_target
        return cls(torch.cat(features), torch.cat(target), session)

    def folds(self) -> Iterator[Bool[np.ndarray, "events"]]:
        """Yield the events of a random part of the sessions, then those of another."""
        rng = np.random.default_rng(SEED)
        drawn = rng.permutation(self.session.max() + 1) % FOLDS
        for fold in range(FOLDS):
            yield drawn[self.session] == fold

    def of(self, chosen: Bool[np.ndarray, "events"]) -> Self:
        """Return some of the events."""
        some = torch.from_numpy(chosen)
        return type(self)(self.features[some], self.target[some], self.session[chosen])

    def rank(self, network: Network, depth: int) -> Int[np.ndarray, "events"]:
        """Return the ranks of the targets, `depth + 1` at most."""
        scores = network(self.features.double()).float()
        found = self.target.clamp(min=0)[:, None]
        ranks = (scores >= scores.gather(1, found)).sum(1)
        ranks[self.target < 0] = depth + 1
        clamped: Int[np.ndarray, events] = ranks.clamp(max=depth + 1).numpy()
        return clamped


def fit_network(examples: Examples) -> Network | None:
    """Return the network that tells the targets best; None: there are too few."""
    found = examples.target >= 0
    features, target = examples.features[found], examples.target[found]
    if len(target) < FEWEST:
        return None
    generator = Generator().manual_seed(SEED)
    mean, scale = _standard(features)
    network = _initial(scale[0], generator)
    weights = [*vars(network).values()]
    adam = torch.optim.AdamW(weights, RATE, weight_decay=DECAY)
    steps = max(1, len(target) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS * steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(target), generator=generator)
        for chosen in order.tensor_split(steps):
            scores = network((features[chosen] - mean) / scale)
            adam.zero_grad()
            torch.autograd.backward(cross_entropy(scores, target[chosen]))
            adam.step()
            schedule.step()
    return _unscaled(network, mean, scale)


def cross_fitted_ranks(
    examples: Examples, depth: int
) -> Int[np.ndarray, "events"] | None:
    """Return the ranks of all targets by networks that have not learned their session.

    None: there are too few events.
    """
    ranks = np.zeros(len(examples.target), np.int64)
    for fold in examples.folds():
        if (network := fit_network(examples.of(~fold))) is None:
            return None
        ranks[fold] = examples.of(fold).rank(network, depth)
    return ranks


def with_network(params: RankingParams, network: Network) -> RankingParams:
    """Return the ranking terms with a second stage."""
    return params.model_copy(update={"reranker": network.encode()})


def _standard(
    features: Float[Tensor, "events short features"],
) -> tuple[Float[Tensor, "features"], Float[Tensor, "features"]]:
    """Return mean and deviation of each feature."""
    rows = features.flatten(0, 1).double()
    scale = rows.std(0).float()
    return rows.mean(0).float(), torch.where(scale > 0, scale, 1)


def _initial(of_score: Float[Tensor, ""], generator: Generator) -> Network:
    """Return a network that orders items as the first stage does."""
    parts = [torch.zeros(shape) for shape in SHAPES]
    for matrix in (parts[1], parts[3]):
        bound = len(matrix) ** -0.5
        matrix.uniform_(-bound, bound, generator=generator)
    parts[0] = of_score.clone()
    return Network(*(part.requires_grad_() for part in parts))


@torch.no_grad()
def _unscaled(
    network: Network, mean: Float[Tensor, "features"], scale: Float[Tensor, "features"]
) -> Network:
    """Return the network for features as they are, trusted as far as `TRUST` says."""
    unscaled = replace(
        network,
        score=1 + TRUST * (network.score / scale[0] - 1),
        first=network.first / scale[:, None],
        first_bias=network.first_bias - (mean / scale) @ network.first,
        last=TRUST * network.last,
    )
    return Network.decode(unscaled.encode())
