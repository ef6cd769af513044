import logging

import pytest

from tronrec.params import SystemParams
from tronrec.training.proportions import warn_of_oversize


@pytest.mark.parametrize(
    ("changes", "items", "sessions", "named"),
    [
        ({}, 16_385, 128, []),
        ({}, 5_000, 128, ["uniform (16,384) draws each of the 5,000 items about 3.3"]),
        ({}, 90, 128, ["sampling.uniform (16,384)", "sampling.top_k (100)"]),
        ({"sampling": {"top_k": None, "uniform": 9}}, 90, 128, []),
        ({}, 20_000, 127, ["training.batch_size (128) exceeds the 127 sessions"]),
    ],
)
def test_a_system_larger_than_the_data_is_named(
    changes, items: int, sessions: int, named: list[str], caplog
) -> None:
    caplog.set_level(logging.WARNING)
    params = SystemParams.model_validate(changes)
    warn_of_oversize(params, items=items, sessions=sessions)
    assert len(caplog.records) == bool(named)
    assert all(part in caplog.text for part in named)
    assert caplog.text.count(";") == max(0, 2 * len(named) - 1)
