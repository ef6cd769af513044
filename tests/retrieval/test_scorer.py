"""What is recommended is what was evaluated: one score, whoever asks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from reference.reranking import make_network
from tronrec.batches import SessionBatches
from tronrec.evaluation.ranking import rank_targets
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams, RankingParams
from tronrec.retrieval.ranking_terms import RankingTerms
from tronrec.retrieval.reranker import count_popularity
from tronrec.retrieval.scorer import Scorer

ITEMS = 80


def make_scorer(seed: int, ranking: RankingParams, **model) -> Scorer:
    torch.manual_seed(seed)
    params = ModelParams(hidden_size=8, feed_forward=8, window=9, layers=1, **model)
    recommender = Recommender(params, ITEMS).eval()
    recommender.item_embeddings.data[1:].normal_()
    trend = torch.randn(ITEMS + 1) if ranking.trend else None
    known = random_sessions(seed + 1, sessions=30, num_items=ITEMS, longest=5)
    popularity = count_popularity([known], ITEMS)
    terms = RankingTerms.of(ranking, trend, None, popularity)
    return Scorer(recommender, terms.with_successors(ITEMS, known))


rankings = st.builds(
    RankingParams,
    trend=st.sampled_from([0, 0.5]),
    repeat_gains=st.lists(st.floats(-3, 3), max_size=4),
    count_gain=st.sampled_from([0, 0, 2, -2]),
    successors=st.sampled_from([0, 0.3]),
    reranker=st.sampled_from([None, make_network(0)]),
)


@settings(max_examples=40)
@given(st.integers(0, 2**32), rankings, st.integers(1, 90))
@torch.no_grad()
def test_the_best_items_are_those_of_all_scores(seed, ranking, k):
    scorer = make_scorer(seed, ranking)
    sessions = random_sessions(seed, sessions=6, num_items=ITEMS, longest=9)
    batch = SessionBatches(sessions, torch.device("cpu")).batch(
        sessions.offsets[:-1], sessions.offsets[1:]
    )
    scores = scorer.score(batch, torch.ones(len(batch), dtype=torch.bool))
    every = scores.of_all(torch.arange(1, ITEMS + 1))
    event, item, score = scores.best_items(k).sorted()
    for number in range(len(batch)):
        mine = event == number
        ranked, of_ranked = item[mine][:k], score[mine][:k]
        assert len(ranked) == min(k, ITEMS) == len(set(ranked.tolist()))
        expected = every[number].sort(descending=True).values[:k]
        torch.testing.assert_close(of_ranked, expected)
        torch.testing.assert_close(every[number][ranked - 1], expected)
        of_one = scores.of(torch.full((len(batch),), int(ranked[0])))
        assert of_one[number] == every[number][ranked[0] - 1]


@settings(max_examples=30)
@given(st.integers(0, 2**32), rankings)
@torch.no_grad()
def test_the_order_of_the_best_is_that_of_the_evaluation(seed, ranking):
    """The target's rank in the evaluation is its place in the list."""
    scorer = make_scorer(seed, ranking)
    sessions = random_sessions(seed, sessions=8, num_items=ITEMS, longest=8)
    ranks = rank_targets(scorer.model, scorer.terms, sessions, depth=15).ranks
    batch = SessionBatches(sessions, torch.device("cpu")).batch(
        sessions.offsets[:-1], sessions.offsets[1:]
    )
    scores = scorer.score(batch, torch.ones(len(batch), dtype=torch.bool))
    event, item, _ = scores.best_items(15).sorted()
    targets = batch.clicks[batch.targets]
    for number, rank in enumerate(ranks.tolist()):
        listed = item[event == number][:15].tolist()
        assert (listed.index(targets[number]) + 1 if rank <= 15 else 16) == rank


@pytest.mark.parametrize("item_bias", [False, True])
@torch.no_grad()
def test_a_trend_adds_to_the_score_that_was_trained(item_bias):
    scorer = make_scorer(0, RankingParams(trend=0.5), item_bias=item_bias)
    model, terms = scorer.model, scorer.terms
    sessions = random_sessions(0, sessions=3, num_items=ITEMS, longest=6)
    batch = SessionBatches(sessions, torch.device("cpu")).batch(
        sessions.offsets[:-1], sessions.offsets[1:]
    )
    hidden = model(batch.clicks[batch.inputs], batch.layout)
    trained = hidden @ model.item_embeddings.T
    assert terms.trend is not None
    items = torch.from_numpy(np.arange(1, ITEMS + 1))
    found = scorer.score(batch, torch.ones(len(batch), dtype=torch.bool)).of_all(items)
    torch.testing.assert_close(found, (trained + 0.5 * terms.trend)[:, 1:])
