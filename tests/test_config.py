from pathlib import Path
from typing import Any

import pytest
import yaml

from tronrec import settings
from tronrec.config import SystemConfigLoader
from tronrec.errors import UserError
from tronrec.params import DatasetParams, LossParams, ModelParams, SamplingParams

PUBLISHED = ("diginetica", "yoochoose", "otto")


def load(conf: Path, env: str = "local", **runtime_params: Any) -> SystemConfigLoader:
    return SystemConfigLoader(
        str(conf), env=env, runtime_params=runtime_params, **settings.CONFIG_LOADER_ARGS
    )


def write_local(conf: Path, text: str) -> None:
    (conf / "local/parameters.yml").write_text(text)


def systems(project: Path) -> list[str]:
    text = (project / "conf/base/parameters_systems.yml").read_text()
    return list(yaml.safe_load(text)["systems"])


@pytest.mark.parametrize("env", ["base", "local", "sample", "splits"])
def test_every_environment_is_valid(conf: Path, env: str) -> None:
    parameters = load(conf, env)["parameters"]
    for dataset in PUBLISHED:
        block = parameters[dataset]
        assert DatasetParams.model_validate(block).model_dump(mode="json") == block


def test_an_entry_of_the_catalog_makes_a_data_set(conf: Path) -> None:
    entry = "{type: tronrec.datasets.RawLogDataset, filepath: clicks, format: csv}"
    (conf / "local/catalog_myshop.yml").write_text(f"myshop.raw_log: {entry}")
    write_local(conf, "myshop: {training: {epochs: 3}, experiment: {logs: replayed}}")
    loader = load(conf)
    assert loader.datasets == (*PUBLISHED, "shop", "myshop")
    assert loader.replayed == {*PUBLISHED, "myshop"}
    assert loader["parameters"]["myshop"]["training"]["epochs"] == 3
    assert loader["catalog"]["myshop.live_log"]["filepath"] == "clicks"
    with pytest.raises(UserError, match="  myshp: unknown; did you mean myshop\\?"):
        load(conf, myshp={"training": {"epochs": 4}})["parameters"]
    assert load(conf, "sample").datasets == (*PUBLISHED, "shop")


def test_public_splits_and_a_new_data_set_have_the_same_recipe(conf: Path) -> None:
    parameters = load(conf, "splits")["parameters"]
    names = ("diginetica", "yoochoose_1_64", "tmall")
    recipes = [
        parameters[name]["benchmark"]["systems"]["tron_plus"]
        for name in (*names, "shop")
    ]
    assert recipes == [recipes[0]] * 4
    assert parameters["shop"]["system"] == DatasetParams().system == "tron_plus"
    assert {parameters[name]["filtering"]["min_item_support"] for name in names} == {1}


def test_every_system_can_be_chosen(conf: Path, project: Path) -> None:
    for system in systems(project):
        chosen = {dataset: {"system": system} for dataset in PUBLISHED}
        parameters = load(conf, **chosen)["parameters"]
        assert {parameters[dataset]["system"] for dataset in PUBLISHED} == {system}


def test_data_sets_are_split_as_in_the_paper(conf: Path) -> None:
    parameters = load(conf)["parameters"]
    rules = {
        dataset: {
            key: parameters[dataset]["splitting"][key]
            for key in ("by", "session_time", "test_days", "from_midnight", "trim")
        }
        for dataset in PUBLISHED
    }
    assert rules == {
        "diginetica": {
            "by": "time",
            "session_time": "first_click",
            "test_days": 7,
            "from_midnight": True,
            "trim": False,
        },
        "yoochoose": {
            "by": "time",
            "session_time": "last_click",
            "test_days": 1,
            "from_midnight": False,
            "trim": False,
        },
        "otto": {
            "by": "files",
            "session_time": "first_click",
            "test_days": 7,
            "from_midnight": False,
            "trim": True,
        },
    }


TABLE_2 = {
    "sasrec": ("bce", 1, "elementwise", 0, None, (0.05, 0.05, 0.05)),
    "sasrec_m_negs": ("bce", 512, "sessionwise", 16, None, (0.05, 0.05, 0.05)),
    "sasrec_l_negs": ("bce", 8192, "sessionwise", 127, None, (0.05, 0.05, 0.05)),
    "sasrec_bpr_max": ("bpr_max", 8192, "sessionwise", 127, None, (0.1, 0.05, 0.05)),
    "sasrec_ssm": (
        "sampled_softmax",
        8192,
        "sessionwise",
        127,
        None,
        (0.1, 0.05, 0.05),
    ),
    "tron_l": ("sampled_softmax", 8192, "batchwise", 127, 100, (0.3, 0.05, 0.05)),
    "tron_xl": ("sampled_softmax", 16384, "batchwise", 127, 100, (0.3, 0.05, 0.05)),
}


@pytest.mark.parametrize("system", TABLE_2)
def test_systems_are_those_of_table_2(conf: Path, system: str) -> None:
    loss, uniform, granularity, in_batch, top_k, dropout = TABLE_2[system]
    chosen = {dataset: {"system": system} for dataset in PUBLISHED}
    parameters = load(conf, **chosen)["parameters"]
    blocks = [DatasetParams.model_validate(parameters[name]) for name in PUBLISHED]
    assert tuple(block.model.dropout for block in blocks) == dropout
    expected = SamplingParams(
        uniform=uniform,
        uniform_granularity=granularity,
        in_batch=in_batch,
        in_batch_granularity="sessionwise",
        exclude_session=system == "sasrec",
        top_k=top_k,
    )
    for block in blocks:
        assert block.loss.name == loss
        assert block.sampling == expected
        assert block.training.batch_size == 128
    penalties = [block.loss.penalty for block in blocks]
    assert penalties == ([0.1, 0.125, 0.03] if loss == "bpr_max" else [0, 0, 0])


def test_gru4rec_plus_is_that_of_the_paper(conf: Path) -> None:
    chosen = {dataset: {"system": "gru4rec_plus"} for dataset in PUBLISHED}
    parameters = load(conf, **chosen)["parameters"]
    blocks = [DatasetParams.model_validate(parameters[name]) for name in PUBLISHED]
    epochs = dict(
        zip(PUBLISHED, (block.training.epochs for block in blocks), strict=True)
    )
    assert [epochs[name] for name in ("diginetica", "yoochoose", "otto")] == [10, 3, 1]
    for block in blocks:
        assert block.model == ModelParams(
            encoder="gru",
            hidden_size=100,
            layers=1,
            dropout=0,
            window=200,
            item_bias=True,
        )
        assert block.sampling == SamplingParams(
            uniform=2048, in_batch=31, in_batch_granularity="batchwise", top_k=None
        )
        assert block.loss == LossParams(name="bpr_max", penalty=0.5, elu=0.5)
        training = block.training
        assert (training.batch_size, training.batches) == (32, "session_parallel")
        assert (training.optimizer, training.learning_rate) == ("adagrad", 0.2)


def test_the_benchmark_compares_all_systems(conf: Path, project: Path) -> None:
    for dataset in PUBLISHED:
        benchmark = load(conf)["parameters"][dataset]["benchmark"]
        assert list(benchmark["systems"]) == systems(project)


def test_an_environment_states_differences_only(conf: Path) -> None:
    before = load(conf)["parameters"]["otto"]
    write_local(conf, "otto: {training: {epochs: 3}}")
    after = load(conf)["parameters"]["otto"]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"training", "benchmark", "tuning"}  # both try what is configured
    assert after["training"] == before["training"] | {"epochs": 3}


def test_the_command_line_wins(conf: Path) -> None:
    write_local(conf, "otto: {training: {epochs: 3, seed: 3}}")
    training = load(conf, otto={"training": {"epochs": 4}})["parameters"]["otto"][
        "training"
    ]
    assert (training["epochs"], training["seed"]) == (4, 3)


def test_the_sample_writes_nothing_over_real_results(conf: Path) -> None:
    assert load(conf)["globals"] == {"data_root": "data", "raw_root": "data/01_raw"}
    assert load(conf, "sample")["globals"] == {
        "data_root": "data/sample",
        "raw_root": "data/sample/01_raw",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("otto: [", "parameters.yml"),
        ("otto: {}\notto: {}", "duplicate key otto"),
        ("otto: {system: '${nowhere}'}", "'nowhere' not found"),
    ],
)
def test_unreadable_files_are_explained(conf: Path, text: str, reason: str) -> None:
    write_local(conf, text)
    with pytest.raises(
        UserError, match=f"(?s)parameters .* cannot be read: .*{reason}"
    ):
        load(conf)["parameters"]
