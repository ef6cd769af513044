import json
from collections.abc import Iterator

import polars as pl
import pytest

from reference.tuning import make_params, open_in, train
from tronrec.errors import UserError
from tronrec.params import SystemParams
from tronrec.tuning.figures import plot_study
from tronrec.tuning.results import COLUMNS, choose_system, tabulate_trials
from tronrec.tuning.search import Epoch, Search
from tronrec.tuning.storage import OpenedStudy


@pytest.fixture(scope="module", params=["accuracy", "accuracy_and_time"])
def searched(request, tmp_path_factory) -> OpenedStudy:
    def fail_once(system: SystemParams) -> Iterator[Epoch]:
        if not failed:
            failed.append(system)
            raise MemoryError
        yield from train(system)

    failed: list[SystemParams] = []
    opened = open_in(
        tmp_path_factory.mktemp("study"),
        trials=14,
        objectives=request.param,
        warm_start={"paper": SystemParams()},
    )
    Search(opened, fail_once).run()
    return opened


def test_a_row_tells_all_about_a_trial(searched):
    trials = tabulate_trials(searched.load())
    assert trials.height == 14
    assert dict(trials.schema).items() >= dict(COLUMNS).items()
    first, second = trials.row(0, named=True), trials.row(1, named=True)
    assert (first["state"], first["error"]) == ("fail", "MemoryError")
    assert (first["warm_start"], first["metric"]) == ("paper", None)
    system = json.loads(second["system"])
    assert SystemParams.model_validate(system)
    rate = system["training"]["learning_rate"]
    assert second["training.learning_rate"] == rate
    assert (
        second["metric"] == next(iter(train(SystemParams.model_validate(system)))).best
    )


def test_the_most_accurate_complete_trial_is_chosen(searched):
    trials = tabulate_trials(searched.load())
    complete = trials.filter(state="complete")
    best = json.loads(complete.row(complete["metric"].arg_max(), named=True)["system"])
    chosen = choose_system(trials, make_params())
    assert "epochs" not in chosen["training"]
    assert "seed" not in chosen["training"]
    kept = {"epochs", "patience", "seed"}
    best["training"] = {k: v for k, v in best["training"].items() if k not in kept}
    assert chosen == best
    assert SystemParams.model_validate(chosen)


def test_a_trial_can_be_chosen_by_its_number(searched):
    trials = tabulate_trials(searched.load())
    number = trials.filter(state="complete")["number"].max()
    chosen = choose_system(trials, make_params(choose=number))
    system = json.loads(trials.row(number, named=True)["system"])
    assert chosen["training"]["learning_rate"] == system["training"]["learning_rate"]


@pytest.mark.parametrize("choose", [0, 99])
def test_a_trial_that_is_not_complete_cannot_be_chosen(searched, choose):
    trials = tabulate_trials(searched.load())
    with pytest.raises(UserError, match=rf"choose = {choose}.* MemoryError"):
        choose_system(trials, make_params(choose=choose))


def test_a_study_without_trials_is_an_empty_table(tmp_path):
    trials = tabulate_trials(open_in(tmp_path).load())
    assert trials.schema == COLUMNS
    with pytest.raises(UserError, match="No complete trial"):
        choose_system(trials, make_params())


def test_trials_survive_parquet(searched, tmp_path):
    trials = tabulate_trials(searched.load())
    trials.write_parquet(tmp_path / "trials.parquet")
    assert pl.read_parquet(tmp_path / "trials.parquet").equals(trials)


def test_plots_show_the_trials_under_their_numbers(searched):
    study = searched.load()
    figures = plot_study(study, "mrr@20")
    assert list(figures) == ["history", "importances", "slices", "parallel", "pareto"]
    assert all(figure.data for figure in figures.values())
    numbers = {trial.number for trial in study.trials if trial.state.name == "COMPLETE"}
    shown = [trace.text for trace in figures["pareto"].data]
    found = {
        json.loads(text.replace("<br>", ""))["number"]
        for part in shown
        for text in part
    }
    assert found == numbers


def test_the_learning_rate_is_what_matters(searched):
    importances = plot_study(searched.load(), "mrr@20")["importances"].data[0]
    best = max(zip(importances.x, importances.y, strict=True))
    assert best[1] == "training.learning_rate"


def test_plots_of_one_trial_say_that_it_is_too_few(tmp_path):
    opened = open_in(tmp_path, trials=1)
    Search(opened, train).run()
    for figure in plot_study(opened.load(), "mrr@20").values():
        assert figure.layout.annotations[0].text == "Needs 2 complete trials"
