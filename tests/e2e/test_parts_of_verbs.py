"""Parts of verbs: other runners, starts and ends in the middle, other parameters."""

from .conftest import Shop


def test_nodes_side_by_side_in_threads_change_nothing(otto: Shop, open_shop):
    metrics = []
    for runner in ("SequentialRunner", "ThreadRunner"):
        shop = open_shop()
        raw = f"raw_root={otto.data / '01_raw'}"
        shop.run("--pipeline=train_otto", f"--params={raw}", f"--runner={runner}")
        metrics.append((shop.data / "08_reporting/otto/metrics.json").read_text())
    assert metrics[0] == metrics[1]


def test_other_parameters_overwrite_no_training(otto: Shop, open_shop):
    shop = open_shop()
    shop.run("--pipeline=prepare_otto", f"--params=raw_root={otto.data / '01_raw'}")
    only = "--pipeline=train_otto", "--nodes=otto.training.train_model"
    shop.run(*only)
    printed = shop.run(*only, "--params=otto.training.seed=5")
    assert "training starts afresh: changed since then: training.seed" in printed
    assert "The checkpoint of another training is kept as" in printed
    printed = shop.run(*only)
    assert "Resumed after epoch 2" in printed
    assert "epoch 1: loss" not in printed


def test_prepare_writes_sessions_and_no_model(otto: Shop, open_shop):
    shop = open_shop()
    shop.run("--pipeline=prepare_otto", f"--params=raw_root={otto.data / '01_raw'}")
    names = {name.split("/")[0] for name in shop.files()}
    made = {"02_intermediate", "03_primary", "05_model_input", "08_reporting"}
    assert names == made | {".locks"}


def test_kedros_own_options_start_and_end_in_the_middle(otto: Shop, open_shop):
    shop = open_shop()
    raw = f"raw_root={otto.data / '01_raw'}"
    shop.run("--pipeline=prepare_otto", f"--params={raw}")
    printed = shop.run(
        "--pipeline=train_otto",
        "--from-nodes=otto.training.train_model",
        "--to-outputs=otto.model",
        f"--params={raw},otto.training.epochs=1",
    )
    assert "epoch 1: loss" in printed
    assert "epoch 2: loss" not in printed
    assert "06_models/otto/model.safetensors" in shop.files()
    assert "08_reporting/otto/metrics.json" not in shop.files()
