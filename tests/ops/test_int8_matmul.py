"""Products of int8 are whole numbers: the same by any way, to the last one."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tronrec.ops import int8_matmul
from tronrec.ops.int8_matmul import (
    GROUP,
    LEVELS,
    OFFSET,
    has_instruction,
    has_loops,
    int8_products,
    loop_products,
    multiplies_int8,
    state_levels,
)

needs_loops = pytest.mark.skipif(not has_loops(), reason="the processor has no AVX2")


def draw(seed, events, rows, size, levels=OFFSET - 1):
    """States and rows of whole numbers, the extreme ones among them."""
    rng = np.random.default_rng(seed)
    states = rng.integers(-levels, levels + 1, (events, size)).astype(np.int8)
    items = rng.integers(-LEVELS, LEVELS + 1, (rows, size)).astype(np.int8)
    states[0], states[-1], items[0], items[-1] = levels, -levels, LEVELS, -LEVELS
    return torch.from_numpy(states), torch.from_numpy(items)


def nothing(states, rows):
    return torch.full((len(states), len(rows)), 7, dtype=torch.int32)


@needs_loops
@given(
    st.integers(0, 2**32),
    st.integers(1, 5),
    st.integers(1, 1200),
    st.integers(1, 70),
    st.integers(1, 3),
)
@example(0, 1, GROUP * int8_matmul.AT_ONCE + 1, 200, 2)
def test_loops_give_the_products_of_whole_numbers(seed, fours, rows, size, threads):
    states, items = draw(seed, 4 * fours, rows, size)
    out = nothing(states, items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8_matmul, "SHARE", 1)
        patch.setattr(torch, "get_num_threads", lambda: threads)
        assert loop_products(states, items, out) is out
    assert torch.equal(out.long(), states.long() @ items.long().T)


@needs_loops
def test_arguments_stay_what_they_were():
    states, items = draw(0, 8, 33, 20)
    before = states.clone(), items.clone()
    loop_products(states, items, nothing(states, items))
    assert torch.equal(states, before[0]) and torch.equal(items, before[1])


@needs_loops
@pytest.mark.parametrize("rows", [1, 16, 40])
def test_rows_may_lie_anywhere(rows):
    states, items = draw(1, 8, 2 * rows, 24)
    found = loop_products(states, items[::2], nothing(states, items[::2]))
    assert torch.equal(found.long(), states.long() @ items[::2].long().T)


@needs_loops
def test_a_number_of_states_that_does_not_fit_is_refused():
    states, items = draw(0, 6, 20, 8)
    with pytest.raises(ValueError, match="6 states are no multiple of 4"):
        loop_products(states, items, nothing(states, items))


@needs_loops
def test_memory_with_gaps_is_refused():
    states, items = draw(0, 4, 6, 8)
    with pytest.raises(ValueError, match="follow one another"):
        loop_products(states, items, torch.zeros(4, 12, dtype=torch.int32)[:, ::2])


@pytest.mark.skipif(not multiplies_int8(), reason="neither VNNI nor AVX2")
@pytest.mark.parametrize("size", [16, 200])
def test_the_way_that_is_chosen_is_right(size):
    states, items = draw(2, 64, 500, size, state_levels())
    found = int8_products(states, items, nothing(states, items))
    assert torch.equal(found.long(), states.long() @ items.long().T)


def test_the_instruction_is_believed_only_where_products_are_right(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    answer = has_instruction.__wrapped__  # which is not kept
    for right in (True, False):
        found = torch.tensor(64 * 127**2 - (not right))
        monkeypatch.setattr(torch, "_int_mm", lambda *_, found=found: found)
        assert answer() == right


@pytest.mark.parametrize("instruction", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_states_have_the_levels_of_the_way(monkeypatch, instruction, loops):
    monkeypatch.setattr(int8_matmul, "has_instruction", lambda: instruction)
    monkeypatch.setattr(int8_matmul, "has_loops", lambda: loops)
    assert multiplies_int8() == (instruction or loops)
    assert state_levels() == (63 if loops and not instruction else 127)
