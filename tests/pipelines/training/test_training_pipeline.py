import numpy as np
import polars as pl
import pytest
import torch

from reference.data import random_sessions
from tronrec.data.packed import PackedSessions
from tronrec.model_file import ModelFile
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
from tronrec.retrieval.successors import count_successors
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


def test_the_terms_of_what_is_served_go_up_to_the_newest_click():
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
    ranking = RankingParams(trend=0.5, trend_memory=0.2, successors=0.3)
    calibration = nodes.calibrate_ranking(
        checkpoint, ranking, items, fit, held_out, "cpu"
    )
    model = nodes.select_model("mine", checkpoint, calibration, items, fit, held_out)
    served = model.tensors["trend"]
    assert torch.equal(served, count_trend([fit.items, held_out.items], 9, 0.2))
    expected = count_successors([fit, held_out], 9)
    terms = ModelFile.read(model).terms
    assert terms.successors is not None
    assert torch.equal(terms.successors.items, expected.items)
    assert torch.equal(terms.successors.gains, expected.gains)


@pytest.mark.parametrize("held_out", [True, False])
def test_the_terms_that_were_chosen_are_those_of_the_model(held_out):
    sessions = random_sessions(0, sessions=30, num_items=9, longest=6)
    none = PackedSessions(np.zeros(0, np.int32), np.zeros(1, np.int64))
    validation = random_sessions(1, sessions=20, num_items=9, longest=6)
    validation = validation if held_out else none
    items = pl.DataFrame({"item_id": range(100, 109), "count": [1] * 9})
    ranking = RankingParams(repeat_gains=[-30.0, -30.0], calibrate=True)
    *_, (_, checkpoint) = nodes.train_model(
        ModelParams(hidden_size=8),
        SamplingParams(uniform=4, in_batch=3, top_k=2),
        LossParams(),
        TrainingParams(epochs=1, batch_size=8),
        ranking,
        "cpu",
        ParallelParams(),
        sessions,
        validation,
        items,
        None,
    )
    calibration = nodes.calibrate_ranking(
        checkpoint, ranking, items, sessions, validation, "cpu"
    )
    model = nodes.select_model(
        "mine", checkpoint, calibration, items, sessions, validation
    )
    kept = model.card.parameters.ranking
    assert kept == RankingParams.model_validate(calibration["ranking"])
    assert set(calibration.get("trials", ())) == (
        {"plain", "configured", "fitted"} if held_out else set()
    )
    assert held_out or kept == ranking
