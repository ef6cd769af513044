import polars as pl
import pytest
import yaml

from tronrec.params import DatasetParams, ModelParams, SamplingParams, TrainingParams
from tronrec.reporting.paper import (
    LABELS,
    TABLE_1,
    TABLE_2,
    ReportedData,
    identify,
)
from tronrec.reporting.tables import (
    changed_parameters,
    epochs_per_hour,
    markdown_table,
    parameters_table,
    result_table,
    statistics_table,
    summary,
    written,
)

FIRST, LAST = "2016-01-01T10:20:30.000+00:00", "2016-06-01T23:59:59.999+00:00"
PERIOD = {"first": FIRST, "last": LAST}
STATISTICS: dict[str, dict[str, object]] = {
    "train": {"sessions": 186_670, "events": 906_140, "items": 43_097, **PERIOD},
    "fit": {"sessions": 180_000, "events": 870_000, "items": 43_000, **PERIOD},
    "validation": dict.fromkeys(("sessions", "events", "items"), 0)
    | dict.fromkeys(PERIOD),
    "test": {"sessions": 15_963, "events": 76_821, "items": 21_000, **PERIOD},
}


DIGINETICA = identify("diginetica", STATISTICS)
SHOP = ReportedData("my shop")


def metrics(system: str = "tron_xl") -> dict[str, object]:
    def scores(recall: float) -> dict[str, float]:
        return {"recall@20": recall, "mrr@20": recall / 2, "coverage@20": 0.5}

    return {
        "system": system,
        "epoch": 2,
        "sessions": 15_963,
        "events": 60_858,
        "items": 43_097,
        "metrics": scores(0.5432),
        "baselines": {"most_popular": scores(0.01), "last_item": scores(0.1)},
        "intervals": {
            system: {"recall@20": [0.53, 0.55], "mrr@20": [0.26, 0.28]},
            "last_item": {"recall@20": [0.09, 0.11], "mrr@20": [0.04, 0.06]},
        },
    }


def history(scores: tuple[float | None, ...] = (0.1, 0.2)) -> pl.DataFrame:
    return pl.DataFrame({"seconds": [100.0, 80.0], "validation_mrr@20": scores})


def rows(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()
    ]


def test_markdown_table() -> None:
    assert (
        markdown_table(["a", "b"], [["x", "1"]])
        == "| a | b |\n| :-- | --: |\n| x | 1 |\n"
    )


def test_paper_knows_every_system_on_every_data_set() -> None:
    assert TABLE_1.keys() == TABLE_2.keys()
    for results in TABLE_2.values():
        assert results.keys() == LABELS.keys() - {"tron_plus"}


def test_statistics_have_the_papers_rows_where_it_knows_the_data_set() -> None:
    ours = statistics_table(STATISTICS, SHOP)
    both = rows(statistics_table(STATISTICS, DIGINETICA))

    assert rows(ours) == both[:-2]
    period = ["2016-01-01 10:20", "2016-06-01 23:59"]
    assert both[2] == ["training period", "186,670", "906,140", "43,097", *period]
    assert both[4] == ["of it held out", "0", "0", "0", "", ""]
    assert both[-2] == ["training period, paper", "187k", "906k", "43k", "", ""]
    assert both[-1] == ["test, paper", "18k", "87k", "", "", ""]


def test_results_stand_beside_baselines_and_the_papers_system() -> None:
    header, _, recall, mrr, coverage = rows(result_table(metrics(), DIGINETICA))

    assert header == ["", "TRON XL-Negs", "most_popular", "last_item", "paper"]
    assert recall == [
        "recall@20",
        "0.5432 [0.5300, 0.5500]",
        "0.0100",
        "0.1000 [0.0900, 0.1100]",
        "0.5410",
    ]
    assert mrr[-1] == "0.1820"
    assert coverage == ["coverage@20", "0.5000", "0.5000", "0.5000", ""]


@pytest.mark.parametrize(
    ("system", "dataset"), [("tron_xl", SHOP), ("my_system", DIGINETICA)]
)
def test_no_paper_column_for_what_the_paper_does_not_know(
    system: str, dataset: ReportedData
) -> None:
    assert "paper" not in result_table(metrics(system), dataset)
    assert "paper" not in summary(
        dataset, DatasetParams(), metrics(system), history(), ""
    )


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.0005, 1.0, 0.00123456789, "mrr@20", [1, 2.5], [], ["a", None]],
)
def test_values_are_written_as_yaml(value: object) -> None:
    given = tuple(value) if isinstance(value, list) else value
    assert yaml.safe_load(written(given)) == value


def test_changed_parameters() -> None:
    params = DatasetParams(
        system="tron_l",
        sampling=SamplingParams(uniform=8192, top_k=None),
        model=ModelParams(),
    )
    assert changed_parameters(params) == [
        ("sampling.uniform", 8192, 16_384),
        ("sampling.top_k", None, 100),
        ("system", "tron_l", "tron_plus"),
    ]
    assert rows(parameters_table(params))[3] == ["`sampling.top_k`", "null", "100"]
    assert "default values" in parameters_table(DatasetParams())


def test_epochs_per_hour() -> None:
    assert epochs_per_hour(history()) == pytest.approx(40)


def test_summary_tells_how_the_run_went() -> None:
    table = statistics_table(STATISTICS, DIGINETICA)
    page = summary(DIGINETICA, DatasetParams(), metrics(), history(), table)

    assert page.startswith("# TRON XL-Negs on Diginetica\n")
    assert "Epoch 2 of 2, chosen by MRR@20 on the held-out sessions." in page
    by_recall = TrainingParams(choose_by="recall@20")
    other = DatasetParams(training=by_recall)
    assert "chosen by Recall@20" in summary(SHOP, other, metrics(), history(), table)
    assert "40 epochs an hour (paper, one V100: 68.4)." in page
    assert "60,858 events of 15,963 test sessions, each ranked" in page
    sampled = metrics() | {"drawn_from": 20_000}
    page_of_sample = summary(DIGINETICA, other, sampled, history(), table)
    assert "15,963 test sessions, drawn at random from 20,000, each" in page_of_sample
    assert result_table(metrics(), DIGINETICA) in page
    assert table in page


def test_what_makes_a_measurement_doubtful_stands_above_it() -> None:
    cautions = ["The test period has 5 events.", "So has validation."]
    page = summary(SHOP, DatasetParams(), metrics(), history(), "", cautions)
    before, _, after = page.partition("\n\n**Caution.** The test period has 5 events.")
    assert before.endswith("by bootstrap over test sessions.")
    assert after.startswith("\n\n**Caution.** So has validation.\n\n| ")
    without = summary(SHOP, DatasetParams(), metrics(), history(), "")
    assert "test sessions.\n\n| " in without


def test_summary_without_validation_sessions() -> None:
    page = summary(SHOP, DatasetParams(), metrics(), history((None, None)), "")
    assert "Epoch 2 of 2, the last one, as no sessions were held out." in page
