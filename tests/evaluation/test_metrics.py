import numpy as np
import pytest

from tronrec.evaluation.metrics import measure
from tronrec.evaluation.ranking import Ranking


def test_metrics_by_hand():
    ranking = Ranking(np.array([1, 4, 20, 21]), np.array([1, 21, 6, 20]))
    found = measure(ranking, (5, 20))
    assert found == {
        "recall@5": 0.5,
        "mrr@5": pytest.approx((1 + 1 / 4) / 4),
        "coverage@5": 0.25,
        "recall@20": 0.75,
        "mrr@20": pytest.approx((1 + 1 / 4 + 1 / 20) / 4),
        "coverage@20": 0.75,
    }
    assert all(type(value) is float for value in found.values())
