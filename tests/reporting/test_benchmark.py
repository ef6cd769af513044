import pytest
from pydantic import ValidationError

from tronrec.params import BenchmarkParams, SystemParams
from tronrec.reporting.benchmark import page, result_rows
from tronrec.reporting.paper import TABLE_2, ReportedData

DIGINETICA = ReportedData("Diginetica", results=TABLE_2["diginetica"])
ELSEWHERE = ReportedData("simulated clicks")
PARAMS = BenchmarkParams(subject="tron_xl")


def measured(recall: float, mrr: float, **more: object) -> dict[str, object]:
    return {
        "recall@20": recall,
        "recall@20_interval": [recall - 0.01, recall + 0.01],
        "mrr@20": mrr,
        "mrr@20_interval": [mrr - 0.01, mrr + 0.01],
        **more,
    }


RESULTS = {
    "sasrec": measured(
        0.4,
        0.1,
        epoch=3,
        epochs=4,
        seconds=7200,
        peak_bytes=3 * 2**20,
        **{"recall@20_p": 0.0005, "mrr@20_p": 0.03},
    ),
    "tron_xl": measured(0.5, 0.2, epoch=1, epochs=1, seconds=1800, peak_bytes=None),
    "item_knn": measured(0.25, 0.0, **{"recall@20_p": 0.5, "mrr@20_p": 0.5}),
}


def test_rows_state_speed_memory_lead_and_the_papers_figures():
    rows = {
        row["system"]: row
        for row in result_rows(RESULTS, DIGINETICA, "tron_xl").to_dicts()
    }
    assert rows["sasrec"]["epochs_per_hour"] == 2
    assert rows["sasrec"]["peak_mebibytes"] == 3
    assert rows["sasrec"]["recall@20_lead"] == pytest.approx(0.25)
    assert rows["sasrec"]["paper_recall"] == 0.454
    assert rows["tron_xl"]["recall@20_lead"] is None
    assert rows["tron_xl"]["peak_mebibytes"] is None
    assert rows["item_knn"]["epochs_per_hour"] is None
    assert rows["item_knn"]["paper_mrr"] is None
    assert rows["item_knn"]["mrr@20_lead"] is None


def test_the_page_reads_like_table_2():
    table = result_rows(RESULTS, DIGINETICA, "tron_xl")
    text = page(table, DIGINETICA, PARAMS, "9 test sessions")
    lines = text.splitlines()
    assert "measured once on the same events of\n9 test sessions, after" in text
    assert (
        "| SASRec | 0.4000 [0.3900, 0.4100] | 0.454 | 0.1000 [0.0900, 0.1100] | 0.157 "
        "| 3/4 | 2 | 94.5 | 3 |"
    ) in lines
    assert "| SASRec | +25.0% | < .001 | +19.2% | +100.0% | 0.030 | +15.9% |" in lines
    assert "| item_knn | +100.0% | 0.500 |  |  | 0.500 |  |" in lines
    assert not [line for line in lines if line.startswith("| TRON XL-Negs | +")]


def test_elsewhere_the_paper_has_no_figures():
    table = result_rows(RESULTS, ELSEWHERE, "tron_xl")
    assert table["paper_recall"].null_count() == 3
    assert "0.454" not in page(table, ELSEWHERE, PARAMS, "")


def test_without_its_subject_the_table_compares_nothing():
    table = result_rows({"sasrec": RESULTS["sasrec"]}, DIGINETICA, "tron_xl")
    assert table["recall@20_lead"].null_count() == 1


def test_the_subject_is_one_of_what_is_compared():
    systems = {"sasrec": SystemParams(), "gru4rec": SystemParams()}
    for_none = BenchmarkParams(systems=systems)
    assert for_none.chosen_subject == "sasrec"
    dumped = for_none.model_dump(mode="json")
    assert BenchmarkParams.model_validate(dumped).chosen_subject == "sasrec"
    with_ours = BenchmarkParams(systems=systems | {"tron_xl": SystemParams()})
    assert with_ours.chosen_subject == "tron_xl"
    for name in ("gru4rec", "session_knn"):
        params = BenchmarkParams(systems=systems, subject=name)
        assert params.chosen_subject == name
    with pytest.raises(ValidationError, match="subject tron_xx is none of sasrec, gru"):
        BenchmarkParams(systems=systems, subject="tron_xx")
