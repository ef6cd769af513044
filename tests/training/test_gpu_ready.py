"""On a GPU the host runs ahead: it waits for a result once an epoch, not in a step.

There is no GPU here, so CPU tensors claim to be on one, which sends them through the
code for CUDA, and every operation is noted whose result the host would wait for.
"""

from collections import Counter
from contextlib import ExitStack

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from reference.data import random_sessions
from tronrec.ops.sparse_grad import UnsummedGradient, sum_by_item
from tronrec.params import SystemParams
from tronrec.training import loop
from tronrec.training.loop import Trainer, TrainingSessions

cpu = torch.device("cpu")
WAITING = torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape


class ClaimsCuda(TorchFunctionMode):
    """Every tensor says that it is on a GPU; what copies it to the host is counted."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func == Tensor.is_cuda.__get__:
            return True
        if func in {Tensor.cpu, Tensor.numpy, Tensor.tolist}:
            self.waits[func.__name__] += 1
        return func(*args, **(kwargs or {}))


class CountsWaits(TorchDispatchMode):
    """Counts operations whose value or shape depends on the data."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if any(tag in func.tags for tag in WAITING) and not has_known_shape(
            func, args, kwargs
        ):
            self.waits[str(func)] += 1
        return func(*args, **kwargs)


def has_known_shape(func, args, kwargs) -> bool:
    """Return whether the arguments tell the shape, of what may depend on the data."""
    if func is torch.ops.aten.repeat_interleave.Tensor:
        return kwargs.get("output_size") is not None
    if func is torch.ops.aten.index.Tensor:
        return all(i is None or i.dtype != torch.bool for i in args[1])
    return False


def count_waits(work) -> Counter[str]:
    waits: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.enter_context(ClaimsCuda(waits))
        stack.enter_context(CountsWaits(waits))
        work()
    return waits


TRON = {"uniform": 20, "in_batch": 5, "top_k": 8}
SSM = TRON | {"uniform_granularity": "sessionwise", "top_k": None}
SASREC = {
    "uniform": 1,
    "uniform_granularity": "elementwise",
    "in_batch": 0,
    "exclude_session": True,
    "top_k": None,
}


@pytest.mark.parametrize(
    ("sampling", "loss"),
    [
        (TRON, "sampled_softmax"),
        (SSM, "sampled_softmax"),
        (SSM, "bpr_max"),
        (SASREC, "bce"),
        (TRON | {"in_batch_granularity": "batchwise"}, "sampled_softmax"),
        (TRON | {"exclude_session": True}, "sampled_softmax"),
        (TRON | {"top_k": None}, "sampled_softmax"),
    ],
)
@pytest.mark.parametrize("members", [1, 2])
def test_an_epoch_waits_once_for_its_loss(sampling, loss, members, monkeypatch):
    monkeypatch.setattr(loop, "search_dtype", lambda _: torch.bfloat16)  # as on a GPU
    model = {"hidden_size": 8, "feed_forward": 8, "window": 6, "members": members}
    params = SystemParams.model_validate(
        {
            "model": model,
            "sampling": sampling,
            "loss": {"name": loss},
            "training": {"batch_size": 8},
        }
    )
    sessions = random_sessions(0, sessions=40, num_items=25, longest=9)
    trainer = Trainer(params, TrainingSessions(sessions, sessions, 25), cpu)
    assert count_waits(trainer._train) == {"aten._local_scalar_dense.default": 1}


def test_what_waits_is_noticed():
    def wait():
        values = torch.arange(3)
        values[values > 1].tolist()
        values.repeat_interleave(values)
        values.repeat_interleave(values, output_size=3)
        values[values]
        values.unique()

    assert count_waits(wait) == {
        "aten.index.Tensor": 1,
        "tolist": 1,
        "aten.repeat_interleave.Tensor": 1,
        "aten._unique2.default": 1,
    }


@pytest.mark.parametrize("items", [[3], [2, 2], [5, 1, 5, 3, 1, 1]])
def test_a_gpu_sums_the_same_rows_and_adds_padding(items):
    items = torch.tensor(items)
    terms = torch.arange(len(items)), torch.rand(len(items)), torch.randn(len(items), 4)
    ours = sum_by_item(UnsummedGradient(items, *terms))
    with ClaimsCuda(Counter()):
        theirs = sum_by_item(UnsummedGradient(items, *terms))
    rows = len(ours.item_ids)
    assert len(theirs.item_ids) == len(items)
    torch.testing.assert_close(theirs.item_ids[:rows], ours.item_ids)
    torch.testing.assert_close(theirs.values[:rows], ours.values)
    assert not theirs.item_ids[rows:].any() and not theirs.values[rows:].any()
