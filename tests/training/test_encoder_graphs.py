"""What needs no GPU of CUDA graphs: which batches have one, and who keeps a model.

What they compute is tested where there is a GPU (`test_cuda.py`).
"""

import gc
import weakref

import pytest
import torch

from tronrec.models.layout import Layout
from tronrec.models.recommender import Recommender
from tronrec.params import ModelParams
from tronrec.training import encoder_graphs
from tronrec.training.encoder_graphs import EncoderGraphs

SIZE = 4


@pytest.fixture
def recorded(monkeypatch):
    """Replace recording by what torch leaves: another `forward` of the module."""
    sizes = []

    def record(module, samples, pool):
        assert not gc.isenabled()  # a graph that is collected spoils the recording
        sizes.append(len(samples[0]))
        original = module.forward
        module.forward = lambda *given: original(*given) if module.training else None
        return module

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: None)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: None)
    return sizes


def model_of(window=8):
    params = ModelParams(
        hidden_size=SIZE, feed_forward=SIZE, window=window, dropout=0, layers=1
    )
    return Recommender(params, 9)


def layout_of(rows, longest=8):
    row = torch.arange(rows)
    return Layout(row // longest, row % longest, longest)


def test_a_batch_is_filled_up_to_the_size_of_a_graph(recorded):
    model = model_of()
    graphs = EncoderGraphs(model)
    for rows in (3, 120, 128, 130):
        vectors, layout = torch.randn(rows, SIZE), layout_of(rows)
        expected = model.encode(vectors, layout)
        torch.testing.assert_close(graphs.encode(vectors, layout), expected)
    assert recorded == [128, 256]
    assert gc.isenabled()


def test_garbage_of_before_is_collected_before_a_recording(recorded):
    class Garbage:
        """Refers to itself, as what torch leaves of a graph does."""

        def __init__(self) -> None:
            self.itself = self

    gc.disable()
    try:
        garbage = weakref.ref(Garbage())
        EncoderGraphs(model_of()).encode(torch.randn(3, SIZE), layout_of(3))
        assert garbage() is None
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_large_batch_has_no_graph(recorded, monkeypatch):
    monkeypatch.setattr(encoder_graphs, "MOST", 256)
    model = model_of()
    graphs = EncoderGraphs(model)
    for rows in (257, 256):
        vectors, layout = torch.randn(rows, SIZE), layout_of(rows)
        expected = model.encode(vectors, layout)
        torch.testing.assert_close(graphs.encode(vectors, layout), expected)
    assert recorded == [256]


def test_graphs_keep_no_model_that_nobody_needs(recorded):
    model = model_of()
    graphs, kept = EncoderGraphs(model), weakref.ref(model)
    with torch.no_grad():
        graphs.encode(torch.randn(5, SIZE), layout_of(5))
    gc.disable()
    try:
        del model, graphs
        assert kept() is None
    finally:
        gc.enable()
