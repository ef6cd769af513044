from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tronrec.models.attention import BlockAttention
from tronrec.models.encoder import choose_encoder
from tronrec.models.layout import Layout
from tronrec.params import ModelParams

lengths = st.lists(st.integers(1, 7), min_size=1, max_size=30)


def layout_of(lengths: list[int], longest: int) -> Layout:
    return Layout(
        torch.repeat_interleave(torch.tensor(lengths)),
        torch.cat([torch.arange(length) for length in lengths]),
        longest,
    )


@given(lengths, st.integers(7, 11), st.sampled_from([0, 20, 500]))
def test_a_row_sees_the_rows_of_its_session_up_to_itself(lengths, block, few):
    layout = layout_of(lengths, block)
    attention = BlockAttention(layout, few)
    row = torch.arange(1, len(layout.session) + 1, dtype=torch.float64)[:, None, None]
    keys = attention.keys(row)[:, 0, None, :, 0].expand(-1, attention.block, -1)
    seen = (keys * ~attention.forbidden[:, 0]).flatten(0, 1)[: len(row)].long()
    for now, numbers in enumerate(seen.tolist()):
        expected = range(now - int(layout.position[now]) + 1, now + 2)
        assert sorted(set(numbers) - {0}) == list(expected)


@given(lengths, st.integers(7, 11))
def test_blocks_are_undone(lengths, block):
    layout = layout_of(lengths, block)
    rows = torch.randn(len(layout.session), 2, 3)
    attention = BlockAttention(layout)
    assert torch.equal(attention.packed(attention.queries(rows)), rows.flatten(1))


@pytest.mark.parametrize("kind", ["transformer", "gru"])
@given(lengths, st.integers(0, 31))
def test_rows_of_nobody_change_no_other(kind, lengths, rows):
    layout = layout_of(lengths, max(lengths))
    encoder = choose_encoder(ModelParams(encoder=kind, hidden_size=8, window=7)).eval()
    vectors = torch.randn(len(layout.session) + rows, 8)
    count = len(layout.session)
    with torch.no_grad():
        alone = encoder(vectors[:count], layout)
        padded = encoder(vectors, layout.padded(rows))
    assert padded.isfinite().all()
    torch.testing.assert_close(padded[:count], alone)


@given(st.integers(1, 7), st.integers(1, 9))
def test_equally_long_sessions_see_no_other_block(length, count):
    equal = layout_of([length] * count, length)
    known = replace(equal, equal=True)
    query, key, value = torch.randn(3, len(equal.session), 2, 4)
    first, *others = (
        attention.weighted_sum(attention.attention_weights(query, key), value)
        for attention in map(BlockAttention, (equal, known, known), (0, 0, 500))
    )
    for other in others:
        torch.testing.assert_close(first, other)


@given(lengths, st.integers(1, 9), st.data())
def test_parts_of_a_layout_have_its_rows(lengths, at_once, data):
    layout = layout_of(lengths, max(lengths))
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(lengths))))
    kept = kept[: len(lengths)]
    kept[0] = True
    rows, part = layout.select(kept)
    left = [length for length, stays in zip(lengths, kept, strict=True) if stays]
    assert torch.equal(part.session, layout_of(left, 1).session)
    assert torch.equal(part.position, layout.position[rows])
    assert part.equal == (len(set(left)) == 1)
    lengths_again = []
    for chosen, some in part.split(at_once):
        assert torch.equal(some.position, part.position[chosen])
        assert some.session[0] == 0
        lengths_again += torch.bincount(some.session).tolist()
    assert lengths_again == left
