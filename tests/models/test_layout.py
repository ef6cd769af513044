import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.models.layout import BlockMask, Layout

lengths = st.lists(st.integers(1, 7), min_size=1, max_size=30)


def layout_of(lengths: list[int], longest: int) -> Layout:
    return Layout(
        torch.repeat_interleave(torch.tensor(lengths)),
        torch.cat([torch.arange(length) for length in lengths]),
        longest,
    )


@given(lengths, st.integers(7, 11))
def test_a_row_sees_the_rows_of_its_session_up_to_itself(lengths, block):
    layout = layout_of(lengths, block)
    mask = BlockMask(layout)
    row = torch.arange(1, len(layout.session) + 1, dtype=torch.float64)[:, None, None]
    keys = mask.keys(row)[:, 0, None, :, 0].expand(-1, block, -1)
    seen = (keys * ~mask.forbidden[:, 0]).flatten(0, 1)[: len(row)].long()
    for now, numbers in enumerate(seen.tolist()):
        expected = range(now - int(layout.position[now]) + 1, now + 2)
        assert sorted(set(numbers) - {0}) == list(expected)


@given(lengths, st.integers(7, 11))
def test_blocks_are_undone(lengths, block):
    layout = layout_of(lengths, block)
    rows = torch.randn(len(layout.session), 2, 3)
    mask = BlockMask(layout)
    assert torch.equal(mask.packed(mask.queries(rows)), rows.flatten(1))
