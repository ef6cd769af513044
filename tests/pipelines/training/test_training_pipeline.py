from tronrec.pipelines import evaluation, training


def test_training_cannot_see_the_test_period():
    """The epoch is chosen before the test sessions are read (trap 5)."""
    assert not [
        name for name in training.create_pipeline().datasets() if "test" in name
    ]
    assert "test_sessions" in evaluation.create_pipeline().inputs()


def test_an_interrupted_run_is_resumed_from_its_own_checkpoint():
    pipeline = training.create_pipeline()
    assert "last_checkpoint" in pipeline.inputs()
    assert {"checkpoint", "history", "model"} <= pipeline.datasets()
