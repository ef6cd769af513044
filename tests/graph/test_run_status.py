"""What Kedro-Viz is told of the last runs."""

import pytest
from kedro_viz.models.metadata import NodeExtras

from tronrec.graph.run_status import run_status

SHOWN = [
    {"id": "1", "type": "task", "name": "read", "full_name": "shop.read"},
    {"id": "2", "type": "task", "name": "train", "full_name": "shop.train"},
    {"id": "3", "type": "task", "name": "report", "full_name": "shop.report"},
    {"id": "4", "type": "data", "name": "shop.clicks"},
    {"id": "5", "type": "data", "name": "shop.model"},
    {"id": "6", "type": "modularPipeline", "name": "training"},
]
SIZES = {"shop.clicks": NodeExtras(stats={"rows": 2, "columns": 1, "file_size": 700})}
READ = {"ended": "2026-01-02T03:04:05+00:00", "seconds": 1.5, "error": None}
FAILED = {"ended": "2026-01-02T03:04:09+00:00", "seconds": 2.0, "error": "no memory"}


def test_nodes_and_data_that_a_run_has_made() -> None:
    elsewhere = {"shop.tune": FAILED}
    status = run_status(SHOWN, {"shop.read": READ} | elsewhere, SIZES)
    assert status["nodes"] == {
        "1": {"status": "success", "duration": 1.5, "error": None}
    }
    assert status["datasets"] == {
        "4": {"name": "shop.clicks", "size": 700, "status": "success"}
    }
    assert status["pipeline"]["status"] == "success"
    assert status["pipeline"]["end_time"] == READ["ended"]


def test_one_failed_node_is_a_failed_pipeline() -> None:
    status = run_status(SHOWN, {"shop.train": FAILED, "shop.read": READ}, SIZES)
    assert status["nodes"]["2"]["error"]["message"] == "no memory"
    assert status["pipeline"]["status"] == "failed"
    assert status["pipeline"]["duration"] == 3.5
    assert status["pipeline"]["end_time"] == FAILED["ended"]


@pytest.mark.filterwarnings("ignore:ORJSONResponse is deprecated")
def test_the_answer_has_the_form_that_kedro_viz_states() -> None:
    from kedro_viz.api.rest.responses.run_events import RunStatusAPIResponse

    for runs in ({}, {"shop.read": READ}, {"shop.train": FAILED}):
        status = run_status(SHOWN, runs, SIZES)
        stated = RunStatusAPIResponse.model_validate(status).model_dump(mode="json")
        assert stated["nodes"] == status["nodes"]
        assert stated["pipeline"] == status["pipeline"]
