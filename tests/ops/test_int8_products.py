import numpy as np
import pytest
import torch

from tronrec.ops.int8_products import (
    GROUP,
    find_members,
    group_maxima,
)
from tronrec.ops.quantized_table import WORD


def draw(rows, events, size, seed=0):
    """Rows and states of whole numbers, the extreme ones among them."""
    rng = np.random.default_rng(seed)
    left = rng.integers(-127, 128, (rows, size)).astype(np.int8)
    most = min(2**15 - 1, WORD.max // (127 * size))
    right = rng.integers(-most, most + 1, (events, size)).astype(np.int16)
    left[-1], right[-1] = 127, most
    return torch.from_numpy(left), torch.from_numpy(right)


@pytest.mark.parametrize("size", [16, 32, 208, 1600])
@pytest.mark.parametrize("events", [1, 3, 4, 9])
@pytest.mark.parametrize("chosen", [slice(1, 2), slice(0, 16), slice(3, 150)])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_largest_product_of_each_group(size, events, chosen, threads, monkeypatch):
    monkeypatch.setattr("tronrec.ops.int8_products.SHARE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    rows, states = draw(150, events, size)
    found = group_maxima(rows[chosen], states)
    products = states.long() @ rows[chosen].long().T
    parts = [part.amax(1) for part in products.split(GROUP, 1)]
    assert torch.equal(found.long(), torch.stack(parts, 1))


@pytest.mark.parametrize("quantile", [0, 0.5, 1])
def test_members_of_groups(quantile):
    rows, states = draw(100, 7, 48)
    products = states.long() @ rows.long().T
    least = products.double().quantile(quantile, dim=1).int()
    maxima = group_maxima(rows, states)
    places, members = find_members(rows, states, maxima, least)
    expected = (products >= least[:, None]).nonzero()
    assert torch.equal(torch.stack([places, members], 1), expected)


def test_all_are_members_of_what_has_no_limit():
    rows, states = draw(20, 2, 16)
    least = torch.full((2,), WORD.min, dtype=torch.int32)
    found = find_members(rows, states, group_maxima(rows, states), least)
    assert found[0].tolist() == [0] * 20 + [1] * 20
    assert found[1].tolist() == [*range(20)] * 2
