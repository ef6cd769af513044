import pytest
import torch

from tronrec.ops.sparse_grad import SparseGradient
from tronrec.params import TrainingParams
from tronrec.training.optimizers import (
    RowAdagrad,
    RowAdam,
    choose_optimizers,
)


def test_matches_dense_adam_when_every_row_is_touched():
    table, theirs = torch.randn(6, 3).double(), torch.nn.Parameter(torch.empty(6, 3))
    theirs.data = table.clone()
    adam, ours = torch.optim.Adam([theirs]), RowAdam(table)
    for step in range(1, 20):
        theirs.grad = torch.randn(6, 3).double()
        adam.param_groups[0]["lr"] = 1e-2 / step
        adam.step()
        ours.step(SparseGradient(torch.arange(6), theirs.grad), 1e-2 / step)
        torch.testing.assert_close(table, theirs.data)


def test_matches_torchs_sparse_adam_on_some_rows():
    table, theirs = torch.randn(9, 3).double(), torch.nn.Parameter(torch.empty(9, 3))
    theirs.data = table.clone()
    adam, ours = torch.optim.SparseAdam([theirs], lr=1e-2), RowAdam(table)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(9, generator=generator)[:4].sort().values
        vectors = torch.randn(4, 3, generator=generator).double()
        theirs.grad = torch.sparse_coo_tensor(
            rows[None], vectors, (9, 3), check_invariants=True
        )
        adam.step()
        ours.step(SparseGradient(rows, vectors), 1e-2)
        torch.testing.assert_close(table, theirs.data)


def test_adagrad_matches_torchs_on_some_rows():
    table, theirs = torch.randn(9, 3).double(), torch.nn.Parameter(torch.empty(9, 3))
    theirs.data = table.clone()
    _, adagrad = choose_optimizers(
        TrainingParams(optimizer="adagrad", learning_rate=0.2), table, [theirs]
    )
    ours = RowAdagrad(table)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(9, generator=generator)[:4].sort().values
        vectors = torch.randn(4, 3, generator=generator).double()
        theirs.grad = torch.zeros(9, 3).double().index_copy_(0, rows, vectors)
        adagrad.step()
        ours.step(SparseGradient(rows, vectors), 0.2)
        torch.testing.assert_close(table, theirs.data)


def test_adagrad_moves_a_row_of_small_gradients_little():
    """As GRU4Rec's official code: lr · g / sqrt(1e-6 + sum of g²)."""
    table = torch.zeros(2, 1, dtype=torch.float64)
    gradients = torch.tensor([[1e-6], [0.1]], dtype=torch.float64)
    RowAdagrad(table).step(SparseGradient(torch.arange(2), gradients), 0.2)
    expected = -0.2 * gradients / (1e-6 + gradients.square()).sqrt()
    torch.testing.assert_close(table, expected)
    assert table[0].abs() < 0.01 * table[1].abs()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", (RowAdam, torch.optim.Adam)),
        ("adagrad", (RowAdagrad, torch.optim.Adagrad)),
    ],
)
def test_both_optimizers_are_chosen_by_one_name(name, kind):
    params = TrainingParams(optimizer=name)
    encoder = [torch.nn.Parameter(torch.ones(2))]
    chosen = choose_optimizers(params, torch.ones(2, 2), encoder)
    assert tuple(map(type, chosen)) == kind


@pytest.mark.parametrize("optimizer", [RowAdam, RowAdagrad])
def test_untouched_rows_do_not_move(optimizer):
    table = torch.randn(5, 3)
    before, ours = table.clone(), optimizer(table)
    for _ in range(3):
        ours.step(SparseGradient(torch.tensor([1, 4]), torch.randn(2, 3)), 0.1)
    assert torch.equal(table[[0, 2, 3]], before[[0, 2, 3]])
    assert not torch.equal(table[[1, 4]], before[[1, 4]])


@pytest.mark.parametrize("optimizer", [RowAdam, RowAdagrad])
def test_a_restored_optimizer_goes_on_as_before(optimizer):
    table = torch.randn(5, 3)
    before = optimizer(table)
    before.step(SparseGradient(torch.tensor([1]), torch.randn(1, 3)), 0.1)
    copy = optimizer(table.clone())
    copy.restore({name: tensor.clone() for name, tensor in before.state().items()})
    gradients = SparseGradient(torch.tensor([1, 2]), torch.randn(2, 3))
    before.step(gradients, 0.1)
    copy.step(gradients, 0.1)
    assert torch.equal(before.table, copy.table)
