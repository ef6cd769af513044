"""A new data set, from its file to the configuration that is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from reference.layouts import draw_events, movielens, retailrocket
from tronrec import cli
from tronrec.config import SystemConfigLoader
from tronrec.datasets import RawLogDataset

Command = Callable[..., Result]


@pytest.fixture
def new_dataset(conf: Path) -> Command:
    def run(*arguments: str) -> Result:
        options = ["new-dataset", f"--conf-source={conf}", *arguments]
        return CliRunner().invoke(cli.cli, options)

    return run


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    retailrocket(tmp_path, draw_events())
    return tmp_path / "retailrocket/events.csv"


def written(conf: Path, env: str = "local") -> list[str]:
    return sorted(path.name for path in (conf / env).iterdir())


def test_a_log_becomes_a_data_set(
    new_dataset: Command, clicks: Path, conf: Path
) -> None:
    result = new_dataset("rocket", f"--file={clicks}")
    assert result.exit_code == 0, result.output
    for line in (
        "  visitor: visitorid (whole numbers, such as ",
        "  time: timestamp (ms since 1970, such as 165",
        "  sessions: a visitor's clicks with pauses of less than 30m",
        "  clicks: view; counted and dropped: transaction (",
        f"Written: {conf}/local/catalog_rocket.yml",
        f"  kedro run --pipelines=train_rocket --conf-source={conf}",
    ):
        assert line in result.stdout
    assert written(conf) == ["catalog_rocket.yml", "parameters_rocket.yml"]
    config = SystemConfigLoader.open("local", str(conf))
    assert "rocket" in config.datasets
    assert config["parameters"]["rocket"]["ingestion"]["session_gap"] == "30m"
    for name in ("raw_log", "live_log"):
        entry = config["catalog"][f"rocket.{name}"]
        entry.pop("type")
        log = RawLogDataset(**entry).load()
        assert [str(file) for file in log.train] == [str(clicks)]
        assert log.columns.visitor == "visitorid"


def test_columns_without_a_header_are_numbers(
    new_dataset: Command, tmp_path: Path, conf: Path
) -> None:
    movielens(tmp_path, draw_events())
    result = new_dataset("films", f"--file={tmp_path}/movielens")
    assert result.exit_code == 0, result.output
    entry = yaml.safe_load((conf / "local/catalog_films.yml").read_text())
    columns = entry["films.raw_log"]["columns"]
    assert [columns[role] for role in ("visitor", "item", "time")] == [1, 2, 4]
    assert entry["films.live_log"] == entry["films.raw_log"]


@pytest.mark.parametrize("options", [[], ["--like=otto"]])
def test_a_publishers_format_needs_no_columns(
    new_dataset: Command, tmp_path: Path, conf: Path, options: list[str]
) -> None:
    line = '{"session":1,"events":[{"aid":2,"ts":1661724000278,"type":"clicks"}]}\n'
    (tmp_path / "mine.jsonl").write_text(line)
    result = new_dataset("mine", f"--file={tmp_path}/mine.jsonl", *options)
    assert result.exit_code == 0, result.output
    entry = yaml.safe_load((conf / "local/catalog_mine.yml").read_text())
    assert entry["mine.raw_log"]["format"] == "otto"
    assert "columns" not in entry["mine.raw_log"]


def test_another_environment_is_named_in_the_next_steps(
    new_dataset: Command, clicks: Path, conf: Path
) -> None:
    result = new_dataset("rocket", f"--file={clicks}", "--env=sample")
    assert "kedro run --pipelines=train_rocket --env=sample" in result.stdout
    assert "catalog_rocket.yml" in written(conf, "sample")


def test_bad_lines_are_shown(new_dataset: Command, clicks: Path) -> None:
    with clicks.open("a") as file:
        file.write("yesterday,1,view,2,\n")
    result = new_dataset("rocket", f"--file={clicks}")
    assert "  bad lines: 1, such as " in result.stdout
    assert "the time must be valid" in result.stdout
    assert "ingestion.on_bad_rows=quarantine" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["otto"], "otto: there is such a data set, otto.raw_log in the catalog"),
        (["2nd"], "'2nd' is no name of a data set; use letters"),
        (["systems"], "systems is a parameter of all data sets; choose another"),
        (["x", "--file=/nowhere.csv"], "/nowhere.csv: there is no such file"),
        (["x", "--like=cvs"], "--like=cvs: unknown; did you mean csv?"),
        (["x", "--like=jsonl"], "looks like csv, not jsonl; try --like=csv"),
        (["x", "--like=otto", "--columns=item=a"], "otto has columns of its own"),
        (["x", "--like=otto"], "no row is an event, such as "),
        (["x", "--columns=itm=a"], "--columns: itm: unknown parameter; did you mean"),
        (["x", "--columns=item=sku"], "--columns=item=sku: no such column; there are"),
        (["x", "--columns=time_unit=days"], "--columns: time_unit: Input should be"),
        (["x", "--columns=time_unit=s"], "no row is an event, such as "),
        (["x", "--env=nope"], "does not exist or is not a valid directory"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(
    new_dataset: Command, clicks: Path, conf: Path, arguments: list[str], problem: str
) -> None:
    result = new_dataset(f"--file={clicks}", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert problem in result.stderr
    assert written(conf) == []


@pytest.mark.parametrize("name", ["catalog_rocket.yml", "parameters_rocket.yml"])
def test_nothing_is_overwritten(
    new_dataset: Command, clicks: Path, conf: Path, name: str
) -> None:
    (conf / "local" / name).write_text("# mine\n")
    result = new_dataset("rocket", f"--file={clicks}")
    assert result.exit_code == 1
    assert f"{name} is there already; change or remove it" in result.stderr
    assert written(conf) == [name]
    assert (conf / "local" / name).read_text() == "# mine\n"
