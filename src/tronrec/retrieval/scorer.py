"""The one scorer: what evaluation ranks by is what a trained model recommends.

An item's score after a session is the product of hidden state and item vector, and the
ranking terms: trend, and gains of the session's own items and of successors. `Scorer`
puts them together for the whole catalogue, exactly; nothing else in this project
computes a score that decides a rank.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tronrec.batches import Batch
from tronrec.device import coarse_dtype
from tronrec.models.recommender import Recommender
from tronrec.params import Search
from tronrec.retrieval.approximate_top_k import ApproximateTopK
from tronrec.retrieval.exact_top_k import ExactTopK, ScoredItems
from tronrec.retrieval.gains import Gains
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.repeats import find_clicks
from tronrec.retrieval.reranker import SHORT, Likeness, Reranked, Shortlist
from tronrec.retrieval.states import states_that_count


@dataclass(frozen=True)
class SessionScores:
    """The float32 score of every item after the clicks up to some events."""

    index: ExactTopK
    hidden: Float[Tensor, "events size"]
    gains: Gains | None
    reranked: Reranked | None = None
    """The best items of each event in their new order, where there is one."""

    def of(self, items: Int[Tensor, "events"]) -> Float[Tensor, "events"]:
        """Return the score of one item of each event."""
        every = torch.arange(len(items), device=items.device)
        scores = self.index.score(self.hidden, every, items)
        if self.gains is not None:
            scores = scores + self.gains.of(items)
        if self.reranked is None:
            return scores
        return self.reranked.scores_of(items[:, None], scores[:, None])[:, 0]

    def of_all(self, items: Int[Tensor, "items"]) -> Float[Tensor, "events items"]:
        """Return the score of each of some distinct items, for each event."""
        events, count = len(self.hidden), len(items)
        event = torch.arange(events, device=items.device).repeat_interleave(count)
        scores = self.index.score(self.hidden, event, items.repeat(events))
        scores = scores.view(events, count)
        if self.gains is not None:
            scores = scores + self.gains.of_all(items)
        if self.reranked is None:
            return scores
        return self.reranked.scores_of(items.expand(events, -1), scores)

    def best_items(self, k: int) -> ScoredItems:
        """Return every item among the best `k` of each event, and some others.

        An item that is left out scores less than `k` others. Pairs are in no order.
        """
        if self.reranked is None:
            return self._search(k)
        event, place = torch.ones_like(self.reranked.items).nonzero(as_tuple=True)
        item = self.reranked.items[event, place]
        best = ScoredItems(event, item, self.reranked.scores[event, place])
        if k <= self.reranked.items.shape[1]:
            return best
        first = self._search(k)
        after = self.reranked.behind(first.score, first.event)
        return replace(first, score=after).update(best)

    def first_stage(self, k: int) -> tuple[Tensor, Tensor]:
        """Return the best `k` items of each event and their scores, in order.

        They are those before anything is ordered anew; there are so many items.
        """
        return self._search(k).first(len(self.hidden), k)

    def _search(self, k: int) -> ScoredItems:
        if self.gains is None:
            return self.index.search(self.hidden, k)
        best = self.index.search(self.hidden, k + self.gains.surplus)
        return self.gains.add_to(best, self.index, self.hidden)


class Scorer:
    """A trained model and its ranking terms, ready to score the whole catalogue."""

    def __init__(
        self, model: Recommender, terms: RankingTerms, search: Search = "exact"
    ) -> None:
        """Prepare the item table for the search; later changes of it are not seen.

        Args:
            model: The model.
            terms: Its ranking terms.
            search: How the best items are found; never `approximate` in an evaluation.

        Raises:
            UserError: The table holds a vector that is not finite, or cannot be
                searched this way.
        """
        self.model, self.terms = model, terms.to(model.item_embeddings.device)
        table = self.terms.widen_items(model.item_embeddings)
        kind = ApproximateTopK if search == "approximate" else ExactTopK
        self.index = kind(table, coarse_dtype(table.device))

    def score(self, batch: Batch, counted: Bool[Tensor, "events"]) -> SessionScores:
        """Return the scores after those events of a batch that count."""
        scores = self._score_first(batch, counted)
        if (reranker := self.terms.reranker) is None:
            return scores
        shortlist = self._shortlist(scores, batch, counted)
        return replace(scores, reranked=Reranked.of(reranker, shortlist))

    def shortlist(self, batch: Batch, counted: Bool[Tensor, "events"]) -> Shortlist:
        """Return the best items of the first stage, and what the second would see."""
        return self._shortlist(self._score_first(batch, counted), batch, counted)

    def _score_first(
        self, batch: Batch, counted: Bool[Tensor, "events"]
    ) -> SessionScores:
        states = states_that_count(self.model, batch, counted)
        hidden = self.terms.widen_hidden(states)
        gains = self.terms.find_gains(batch, counted)
        return SessionScores(self.index, hidden, gains)

    def _shortlist(
        self, scores: SessionScores, batch: Batch, counted: Bool[Tensor, "events"]
    ) -> Shortlist:
        items, first = scores.first_stage(min(SHORT, self.model.num_items))
        last = batch.clicks[batch.inputs[counted]]
        successors = self.terms.successors
        follow = None if successors is None else successors.after(last, 1)
        clicks = find_clicks(batch, counted)
        alike = self._likeness.of(items, clicks)
        return Shortlist(items, first, clicks, follow, alike, self.terms.trend)

    @cached_property
    def _likeness(self) -> Likeness:
        return Likeness(self.model)
