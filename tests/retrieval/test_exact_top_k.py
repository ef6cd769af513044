from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tronrec.errors import UserError
from tronrec.ops import coarse_table, int8_search, quantized_table
from tronrec.ops.coarse_table import largest_norm
from tronrec.ops.quantized_table import QuantizedTable
from tronrec.ops.rounded_table import RoundedTable
from tronrec.retrieval import exact_top_k
from tronrec.retrieval.exact_top_k import ExactTopK

COARSE = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(autouse=True, params=[0, 32])
def few(request, monkeypatch):
    """Up to so many states products are compiled: for all others they come in tiles."""
    monkeypatch.setattr(quantized_table, "FEW", request.param)


def tables_of(table, coarse):
    norm = largest_norm(table)
    return RoundedTable(table, coarse, norm), QuantizedTable(table, norm)


def search_in(low, table, hidden, depth):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExactTopK, "_coarse_table", lambda _: low)
        return ExactTopK(table, torch.float32).search(hidden, depth)


def assert_holds_the_best(table, hidden, depth, coarse) -> None:
    """In the coarse precision, and in int8."""
    for low in tables_of(table, coarse):
        found = search_in(low, table, hidden, depth)
        assert_has_the_best(found, table, hidden, depth)


def test_states_may_lie_in_any_order():
    torch.manual_seed(0)
    table, hidden = torch.randn(3001, 32), torch.randn(32, 5).T
    assert_holds_the_best(table, hidden, 20, torch.bfloat16)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_states_that_are_not_finite_are_refused(value):
    hidden = torch.zeros(2, 8)
    hidden[1, 3] = value
    with pytest.raises(UserError, match="not finite; train it again"):
        ExactTopK(torch.randn(100, 8), torch.float32).search(hidden, 5)


def assert_has_the_best(found, table, hidden, depth) -> None:
    scores = hidden.double() @ table[1:].double().T
    for event, row in enumerate(scores):
        kept = found.item[found.event == event]
        assert len(set(kept.tolist())) == len(kept)
        assert int(kept.min()) >= 1 and int(kept.max()) < len(table)
        worst = row.topk(min(depth, len(row))).values[-1]
        best = (row > worst + 1e-4).nonzero().flatten() + 1
        assert set(best.tolist()) <= set(kept.tolist())
        assert len(kept) >= min(depth, len(row))
    exact = scores[found.event, found.item - 1]
    rounding = 1e-6 * float(hidden.norm(dim=1).max() * table.norm(dim=1).max())
    torch.testing.assert_close(found.score.double(), exact, atol=rounding, rtol=1e-4)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.integers(1, 500),
    st.integers(1, 25),
    st.sampled_from(COARSE),
    st.sampled_from([0.0, 1e-6, 1e-3, 1.0]),
)
def test_nothing_among_the_best_is_missed(seed, items, depth, coarse, spread):
    """Near-ties by the hundred, where coarse scores cannot tell items apart."""
    torch.manual_seed(seed)
    table = torch.randn(12) + spread * torch.randn(items + 1, 12)
    table[0] = 100
    hidden = 5 * torch.randn(3, 12)
    assert_holds_the_best(table, hidden, depth, coarse)


@pytest.mark.parametrize("block", [16, 48, 64])
def test_blocks_of_items_change_nothing(block, monkeypatch):
    torch.manual_seed(0)
    table, hidden = torch.randn(301, 12), torch.randn(9, 12)
    whole = ExactTopK(table, torch.bfloat16).search(hidden, 10)
    monkeypatch.setattr(coarse_table, "SCORES", 9 * block)
    assert_holds_the_best(table, hidden, 10, torch.bfloat16)
    parts = ExactTopK(table, torch.bfloat16).search(hidden, 10)

    def best(found: exact_top_k.ScoredItems) -> list[list[int]]:
        return [
            found.item[found.event == e][found.score[found.event == e].topk(10).indices]
            .sort()
            .values.tolist()
            for e in range(9)
        ]

    assert best(parts) == best(whole)


def test_few_items_are_left_in_doubt():
    torch.manual_seed(0)
    table, hidden = torch.randn(20_001, 64), torch.randn(32, 64)
    for low in tables_of(table, torch.bfloat16):
        found = search_in(low, table, hidden, 20)
        assert len(found.event) < 32 * 200


@pytest.mark.parametrize("size", [8, 31, 32, 200, 201])
@pytest.mark.parametrize("lengths", [(1, 1), (1e-6, 1e3)])
def test_a_table_of_int8_finds_the_best_of_rows_of_any_length(size, lengths):
    torch.manual_seed(0)
    low, high = lengths
    table = torch.randn(700, size) * (low + (high - low) * torch.rand(700, 1) ** 9)
    for events in (1, 2, 8):
        hidden = torch.randn(events, size)
        assert_holds_the_best(table, hidden, 20, torch.float32)


@pytest.mark.parametrize("trend", [1, 30])
def test_few_items_are_left_in_doubt_by_int8(trend):
    """Also where one column is much wider than the others, as the trend is."""
    torch.manual_seed(0)
    table, hidden = torch.randn(20_001, 64), torch.randn(8, 64)
    table[:, -1] *= trend
    hidden[:, -1] = 1
    found = ExactTopK(table, torch.float32).search(hidden, 20)
    assert len(found.event) < 8 * 200


def test_threads_may_search_the_same_table():
    torch.manual_seed(0)
    table, hidden = torch.randn(20_001, 32), torch.randn(4, 64, 32)
    index = ExactTopK(table, torch.float32)

    def search_often(states):
        return [index.search(states, 20) for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        for states, found in zip(hidden, pool.map(search_often, hidden), strict=True):
            for each in found:
                assert_has_the_best(each, table, states, 20)


@pytest.mark.parametrize("most", [0, 100_000, 1 << 26])
def test_some_states_at_a_time_change_nothing(most, monkeypatch):
    """Nor does it that there is no memory for all that int8 leaves in doubt."""
    monkeypatch.setattr(quantized_table, "MANY", 33)
    monkeypatch.setattr(int8_search, "MOST", most)
    torch.manual_seed(0)
    table, hidden = torch.randn(5001, 32), torch.randn(100, 32)
    hidden[70] = 0
    found = ExactTopK(table, torch.float32).search(hidden, 20)
    assert_has_the_best(found, table, hidden, 20)
    assert (found.event == 70).sum() == 5000
