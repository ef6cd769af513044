import numpy as np

from tronrec.baselines import rank as baselines
from tronrec.data.packed import PackedSessions

SESSIONS = PackedSessions(np.array([3, 1, 1, 4, 2], np.int32), np.array([0, 3, 5]))


def test_most_popular_ranks_by_clicks_and_ties_count_against_the_target():
    ranking = baselines.most_popular(np.array([9, 5, 5, 1]), SESSIONS, depth=3)
    assert ranking.ranks.tolist() == [1, 1, 3]
    assert ranking.best_rank_by_item.tolist() == [1, 2, 3, 4]


def test_last_item_is_right_when_the_click_is_repeated():
    ranking = baselines.last_item(4, SESSIONS, depth=20)
    assert ranking.ranks.tolist() == [21, 1, 21]
    assert ranking.best_rank_by_item.tolist() == [1, 21, 1, 1]
