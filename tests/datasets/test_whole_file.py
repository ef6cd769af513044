"""Kedro's own datasets, kept from leaving half a file."""

import inspect
import json
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from kedro_datasets.text import TextDataset

from tronrec.datasets import RecordDataset, WholeFileDataset
from tronrec.pipeline_registry import register_pipelines

TEXT = {"type": "text.TextDataset"}
PLOT = {"type": "plotly.JSONDataset"}
TABLE = {"type": "polars.EagerPolarsDataset", "file_format": "csv"}


@pytest.mark.parametrize(
    ("config", "data"), [(TEXT, "ü\n"), (TABLE, pl.DataFrame({"a": [1, 2]}))]
)
def test_what_is_saved_is_loaded(config, data, tmp_path: Path) -> None:
    path = tmp_path / "new/file"
    dataset = WholeFileDataset(filepath=str(path), dataset=config)
    assert not dataset.exists()
    dataset.save(data)
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.equals(data) if isinstance(data, pl.DataFrame) else loaded == data
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_stops_halfway_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.md"
    dataset = WholeFileDataset(filepath=str(path), dataset=TEXT)
    dataset.save("whole")

    def stop(self: TextDataset, data: str) -> None:
        with Path(str(self._filepath)).open("w") as file:
            file.write(data[:2])
            raise KeyboardInterrupt

    monkeypatch.setattr(TextDataset, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        dataset.save("other")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_kedro_viz_shows_what_it_can(tmp_path: Path) -> None:
    figure = WholeFileDataset(filepath=str(tmp_path / "plot.json"), dataset=PLOT)
    figure.save(go.Figure().add_bar(y=[1, 2]))
    assert figure.preview()["data"][0]["type"] == "bar"
    table = WholeFileDataset(filepath=str(tmp_path / "table.csv"), dataset=TABLE)
    table.save(pl.DataFrame({"a": [1]}))
    assert table.preview(nrows=1)["columns"] == ["a"]
    record = RecordDataset(filepath=str(tmp_path / "record.json"))
    record.save({"a": 1})
    assert json.loads(record.preview()) == {"a": 1}
    kinds = [
        inspect.signature(dataset.preview).return_annotation
        for dataset in (figure, table, record)
    ]
    names = [getattr(kind, "__name__", kind) for kind in kinds]
    assert names == ["PlotlyPreview", "TablePreview", "JSONPreview"]
    text = WholeFileDataset(filepath=str(tmp_path / "notes.txt"), dataset=TEXT)
    assert not hasattr(text, "preview")


def test_kedro_viz_shows_pages(tmp_path: Path) -> None:
    page = WholeFileDataset(filepath=str(tmp_path / "page.md"), dataset=TEXT)
    page.save("# Most_popular\n\n| a |\n| - |\n| 1 |\n")
    shown = page.preview()
    assert shown.startswith("<h1>Most popular</h1> <table>")
    assert "\n" not in shown
    kind = inspect.signature(page.preview).return_annotation
    assert kind.__name__ == "HTMLPreview"


def test_kedro_viz_shows_the_text_of_a_report(tmp_path: Path) -> None:
    report = WholeFileDataset(filepath=str(tmp_path / "report.html"), dataset=TEXT)
    script = "<script>draw()</script>"
    figure = f"<figure><h3>Loss</h3><div>{script}</div></figure>"
    head = f"<head><title>t</title><style>p {{}}</style>{script}</head>"
    report.save(f"<html>{head}<body><p>It is better.</p>{figure}</body></html>\n")
    assert report.preview() == "<body><p>It is better.</p></body></html>"


def test_a_record_is_shown_with_its_numbers_first(tmp_path: Path) -> None:
    record = RecordDataset(filepath=str(tmp_path / "record.json"))
    record.save({"parameters": {"a": [1, 2, 3]}, "epoch": 3})
    assert [*json.loads(record.preview())] == ["epoch", "parameters"]


def test_a_damaged_record_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"a": ')
    with pytest.raises(DatasetError, match=r"no readable JSON .*; delete it and run"):
        RecordDataset(filepath=str(path)).load()


def test_every_output_of_every_verb_is_written_whole(project: Path) -> None:
    """By this library, then: Kedro's own datasets write into the file itself."""
    bootstrap_project(project)
    with KedroSession.create(project) as session:
        catalog = session.load_context().catalog
    for pipeline in register_pipelines().values():
        for name in pipeline.all_outputs():
            if name in catalog:
                assert type(catalog.get(name)).__module__.startswith("tronrec."), name
