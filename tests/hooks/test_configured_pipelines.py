"""Sessions of one process may have other data sets, as in a notebook."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from tronrec.config import SystemConfigLoader


@pytest.fixture
def restored(project: Path) -> Iterator[None]:
    bootstrap_project(project)
    yield
    SystemConfigLoader.in_use = None
    bootstrap_project(project)


@pytest.mark.usefixtures("restored")
def test_the_pipelines_are_those_of_the_newest_session(
    project: Path, conf: Path
) -> None:
    assert "train_myshop" not in pipelines
    entry = "{type: tronrec.datasets.RawLogDataset, filepath: x, format: csv}"
    (conf / "local/catalog.yml").write_text(f"myshop.raw_log: {entry}")
    for conf_source in (str(conf), None, str(conf)):
        with KedroSession.create(project, conf_source=conf_source) as session:
            session.load_context()
            assert ("train_myshop" in pipelines) == (conf_source is not None)
            assert "train_otto" in pipelines
