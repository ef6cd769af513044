import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from tronrec.batches import Batch, SessionBatches
from tronrec.params import SamplingParams
from tronrec.sampling import NegativeSampler, draw_in_batch, draw_uniform, hardest

TOLERANCE = 5
"""Standard deviations; a right sampler fails once in a million draws."""


def make_batch(seed: int, num_items: int, sessions: int = 6) -> Batch:
    packed = random_sessions(seed, sessions=sessions, num_items=num_items, longest=6)
    batches = SessionBatches(packed, torch.device("cpu"))
    return batches.batch(packed.offsets[:-1], packed.offsets[1:])


def assert_equally_likely(counts: torch.Tensor) -> None:
    mean = counts.double().mean()
    assert (counts - mean).abs().max() < TOLERANCE * mean.sqrt()


def test_uniform_draws_every_item_equally_and_never_padding():
    drawn = draw_uniform(200_000, 50, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=51)
    assert counts[0] == 0
    assert_equally_likely(counts[1:])


def test_in_batch_draws_the_clicks_of_all_others_equally():
    lengths = torch.tensor([3, 2, 7])
    drawn = draw_in_batch(lengths, 120_000, torch.Generator().manual_seed(0))
    own = [range(3), range(3, 5), range(5, 12)]
    for rows, mine in zip(drawn, own, strict=True):
        counts = torch.bincount(rows, minlength=12)
        assert not counts[mine].any()
        assert_equally_likely(counts[[row for row in range(12) if row not in mine]])


@settings(deadline=None)
@given(
    st.integers(1, 5),
    st.sampled_from([16, 80, 96, 320, 33]),
    st.integers(1, 12),
    st.sampled_from([torch.float32, torch.bfloat16]),
    st.integers(0, 2**32),
)
def test_hardest_is_topk(events, candidates, k, dtype, seed):
    torch.manual_seed(seed)
    scores = torch.randn(events, candidates).to(dtype)
    scores.masked_fill_(torch.rand(events, candidates) < 0.2, -torch.inf)
    values, columns = hardest(scores, k)
    expected = scores.float().topk(k).values
    assert torch.equal(values.float().sort(descending=True).values, expected)
    assert torch.equal(scores.gather(1, columns), values)
    assert all(len(set(row)) == k for row in columns.tolist())


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 40), st.data())
def test_chosen_are_the_hardest_that_are_not_the_target(seed, uniform, in_batch, data):
    """Few items, so that targets are drawn often (trap 2)."""
    top_k = data.draw(st.integers(1, uniform + in_batch))
    params = SamplingParams(uniform=uniform, in_batch=in_batch, top_k=top_k)
    batch = make_batch(seed, num_items=4)
    generator = torch.Generator().manual_seed(seed)
    items = torch.cat([draw_uniform(uniform, 4, generator), batch.clicks])
    pool = torch.randn(len(items), 8)
    hidden = torch.randn(len(batch), 8)
    state = generator.get_state()
    sampler = NegativeSampler(params, torch.float32)
    found = sampler.choose(hidden, items, pool, batch, generator)

    generator.set_state(state)
    drawn = draw_in_batch(batch.lengths, in_batch, generator)
    for event, target in enumerate(batch.clicks[batch.targets].tolist()):
        mine = drawn[batch.layout.session[event]] + uniform
        candidates = torch.cat([torch.arange(uniform), mine])
        allowed = candidates[items[candidates] != target]
        scores = (pool[allowed] @ hidden[event]).sort(descending=True).values[:top_k]
        kept = found.slots[event][~found.hit[event]]
        assert target not in items[kept].tolist()
        torch.testing.assert_close(
            (pool[kept] @ hidden[event]).sort(descending=True).values, scores
        )


def test_without_top_k_every_negative_is_kept_and_hits_are_marked():
    params = SamplingParams(uniform=5, in_batch=3, top_k=None)
    batch = make_batch(0, num_items=3)
    items = torch.cat([torch.tensor([1, 2, 3, 1, 2]), batch.clicks])
    pool = torch.randn(len(items), 4)
    found = NegativeSampler(params, torch.float32).choose(
        torch.randn(len(batch), 4), items, pool, batch, torch.Generator()
    )
    assert found.slots.shape == found.hit.shape == (len(batch), 8)
    target = batch.clicks[batch.targets][:, None]
    assert torch.equal(found.hit, items[found.slots] == target)


@pytest.mark.parametrize("k", [1, 100])
def test_hardest_on_a_wide_row_in_few_groups(k):
    scores = torch.randn(3, 16 * 400)
    expected = scores.topk(k).values
    assert torch.equal(hardest(scores, k)[0].sort(descending=True).values, expected)
