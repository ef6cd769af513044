"""What may be among the best, by a search that sees a tile of the rows at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tronrec.ops import int8_search
from tronrec.ops.int8_matmul import multiplies_int8, state_levels
from tronrec.ops.int8_search import BLOCK, best_rows
from tronrec.ops.scratch import Scratch

pytestmark = pytest.mark.skipif(
    not multiplies_int8(), reason="the processor has no fast product of int8"
)


def draw(seed, rows, events, largest):
    generator = torch.Generator().manual_seed(seed)
    kinds = ((rows, 32), largest), ((events, 32), min(largest, state_levels()))
    return [
        torch.randint(-most, most + 1, shape, generator=generator).to(torch.int8)
        for shape, most in kinds
    ]


def search(table, states, doubts, k):
    fill = torch.zeros(-len(states) % 32, states.shape[1], dtype=torch.int8)
    both = states.short(), torch.cat([states, fill])
    event, row = best_rows(table, both, doubts, k, (Scratch(), Scratch()))
    return set(zip(event.tolist(), row.tolist(), strict=True)), len(event)


def expected(table, states, doubt, k):
    products = states.long() @ table.long().T
    last = products.topk(min(k, len(table)), dim=1).values[:, -1:]
    if len(table) <= k:
        last.fill_(-(2**40))
    reaching = (products >= last - doubt[:, None]).nonzero()
    return {(event, row) for event, row in reaching.tolist()}


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.sampled_from([1, 15, 256, 700, 1500]),
    st.integers(1, 40),
    st.sampled_from([1, 3, 20, 300]),
    st.sampled_from([0, 1, 127]),
    st.sampled_from([1, 3]),
)
def test_all_that_reach_are_found_once(  # noqa: PLR0913, PLR0917 - drawn
    seed, rows, events, k, largest, threads
):
    """Ties by the hundred, too, which need more room than was made."""
    table, states = draw(seed, rows, events, largest)
    generator = torch.Generator().manual_seed(seed)
    fine = torch.randint(0, 5 + 20 * largest, (events,), generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8_search, "TILE", BLOCK)
        patch.setattr(torch, "get_num_threads", lambda: threads)
        found, count = search(table, states, torch.stack([2 * fine, fine]), k)
    assert found == expected(table, states, fine, k)
    assert count == len(found)


def test_room_is_made_where_all_tie(monkeypatch):
    monkeypatch.setattr(int8_search, "TILE", BLOCK)
    table, states = torch.ones(3000, 32).char(), torch.ones(3, 32).char()
    found, count = search(table, states, torch.zeros(2, 3).long(), 5)
    assert len(found) == count == 3 * 3000


def test_what_int8_leaves_in_doubt_is_looked_at_with_int16():
    """Products of states with finer numbers decide at last."""
    table, states = draw(0, 2000, 40, 127)
    generator = torch.Generator().manual_seed(1)
    fine = 100 * states.short()
    fine += torch.randint(-50, 51, fine.shape, generator=generator).short()
    exact = fine.long() @ table.long().T
    error = (exact - 100 * (states.long() @ table.long().T)).abs().amax(1)
    doubts = torch.stack([2 * error // 100 + 1, torch.zeros_like(error)])
    both = fine, torch.cat([states, torch.zeros(24, 32).char()])
    event, row = best_rows(table, both, doubts, 20, (Scratch(), Scratch()))
    last = exact.topk(20, dim=1).values[:, -1:]
    reaching = (exact >= last).nonzero()
    assert torch.equal(torch.stack([event, row], 1).unique(dim=0), reaching)


@pytest.mark.parametrize(("k", "most"), [(5, 4096), (5, 100), (900, 30_000)])
def test_too_many_places_are_not_made(k, most, monkeypatch):
    """For a state that all rows are alike to, or for all the rows of a catalogue."""
    monkeypatch.setattr(int8_search, "TILE", BLOCK)
    monkeypatch.setattr(int8_search, "MOST", most)
    table, states = draw(0, 2000, 40, 127)
    states[3] = 0
    both = states.short(), torch.cat([states, torch.zeros(24, 32).char()])
    given = torch.zeros(2, 40).long(), k, (Scratch(), Scratch())
    assert best_rows(table, both, *given) is None
    monkeypatch.setattr(int8_search, "MOST", 1 << 26)
    assert best_rows(table, both, *given) is not None
