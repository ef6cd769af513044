"""Sessions of one process may have other data sets, as in a notebook."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from tronrec import cli
from tronrec.config import SystemConfigLoader


@pytest.fixture
def restored(project: Path) -> Iterator[None]:
    bootstrap_project(project)
    yield
    SystemConfigLoader.in_use = None
    bootstrap_project(project)


@pytest.fixture
def with_myshop(conf: Path) -> str:
    entry = "{type: tronrec.datasets.RawLogDataset, filepath: x, format: csv}"
    (conf / "local/catalog.yml").write_text(f"myshop.raw_log: {entry}")
    return str(conf)


@pytest.mark.usefixtures("restored")
def test_the_pipelines_are_those_of_the_newest_session(
    project: Path, with_myshop: str
) -> None:
    assert "train_myshop" not in pipelines
    for conf_source in (with_myshop, None, with_myshop):
        with KedroSession.create(project, conf_source=conf_source) as session:
            session.load_context()
            assert ("train_myshop" in pipelines) == (conf_source is not None)
            assert "train_otto" in pipelines


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("train_myshp", "train_myshp: unknown; did you mean train_myshop?"),
        ("trian_myshop", "trian_myshop: unknown; did you mean train_myshop?"),
        ("prepare_myshop", "No raw file "),
    ],
)
def test_a_run_knows_the_data_sets_of_its_configuration(
    with_myshop: str, name: str, problem: str
) -> None:
    options = [f"--conf-source={with_myshop}", f"--pipelines={name}"]
    result = CliRunner().invoke(cli.run, options)
    assert result.exit_code == 1
    assert problem in result.stderr
