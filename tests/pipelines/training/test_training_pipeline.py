import polars as pl
import torch

from reference.data import random_sessions
from tronrec.params import (
    LossParams,
    ModelParams,
    ParallelParams,
    RankingParams,
    SamplingParams,
    TrainingParams,
)
from tronrec.pipelines import evaluation, training
from tronrec.pipelines.training import nodes
from tronrec.retrieval.trend import count_trend


def test_training_cannot_see_the_test_period():
    """The epoch is chosen before the test sessions are read (trap 5)."""
    assert not [
        name for name in training.create_pipeline().datasets() if "test" in name
    ]
    assert "test_sessions" in evaluation.create_pipeline().inputs()


def test_an_interrupted_run_is_resumed_from_its_own_checkpoint():
    pipeline = training.create_pipeline()
    assert "last_checkpoints" in pipeline.inputs()
    assert {"checkpoint", "history", "model"} <= pipeline.datasets()


def test_the_trend_of_what_is_served_goes_up_to_the_newest_click():
    """Sessions that were held out to choose the epoch are no secret any more."""
    fit, held_out = (
        random_sessions(seed, sessions=20, num_items=9, longest=6) for seed in (0, 1)
    )
    items = pl.DataFrame({"item_id": range(100, 109), "count": [1] * 9})
    *_, (_, checkpoint) = nodes.train_model(
        ModelParams(hidden_size=8),
        SamplingParams(uniform=4, in_batch=3, top_k=2),
        LossParams(),
        TrainingParams(epochs=1, batch_size=8),
        RankingParams(trend=0.5, trend_memory=0.2),
        "cpu",
        ParallelParams(),
        fit,
        held_out,
        items,
        {},
    )
    model = nodes.select_model("mine", checkpoint, items, fit, held_out)
    served = model.tensors["trend"]
    assert torch.equal(served, count_trend([fit.items, held_out.items], 9, 0.2))
