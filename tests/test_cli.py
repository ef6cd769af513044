import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError

from tronrec import cli
from tronrec.errors import UserError
from tronrec.pipeline_registry import register_pipelines
from tronrec.starter import create_project

Run = Callable[..., CompletedProcess[str]]

KEDRO = ("kedro", "run")
TRONREC = ("tronrec",)


@pytest.mark.parametrize("program", [KEDRO, TRONREC])
def test_a_bad_parameter_is_one_message(python: Run, program: tuple[str, ...]) -> None:
    completed = python("-m", *program, "--params=otto.training.epochs=-1,oto.x=1")
    assert completed.returncode == 1
    assert completed.stderr.endswith(
        "Error: Invalid parameters:\n"
        "  oto: unknown; did you mean otto?\n"
        "  otto.training.epochs = -1: must be greater than or equal to 1\n"
    )
    assert "Traceback" not in completed.stderr


def test_missing_raw_files_are_one_message(python: Run, tmp_path: Path) -> None:
    completed = python(
        "-m", *KEDRO, "-p", "prepare_otto", f"--params=raw_root={tmp_path}"
    )
    assert completed.returncode == 1
    assert f"Error: No raw file {tmp_path}/otto/" in completed.stderr
    assert "Traceback" not in completed.stderr
    assert "Warning" not in completed.stderr


def test_an_unknown_pipeline_is_one_message(python: Run) -> None:
    completed = python("-m", *KEDRO, "--pipelines=train_oto")
    assert completed.returncode == 1
    assert completed.stderr == (
        "Error: --pipelines=train_oto: unknown; did you mean train_otto?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["oto"], "Error: oto: unknown; did you mean otto?\n"),
        (["otto", "--keep=-1"], "Invalid value for '--keep': -1 is not in the range"),
        ([], "Missing argument 'DATASET'"),
    ],
)
def test_runs_of_a_data_set_that_is_not_there(
    arguments: list[str], problem: str
) -> None:
    result = CliRunner().invoke(cli.cli, ["runs", *arguments])
    assert result.exit_code in (1, 2)
    assert problem in result.stderr


def test_a_command_line_without_a_command_is_a_run() -> None:
    runner = CliRunner()
    assert "--from-nodes" in runner.invoke(cli.cli, ["run", "--help"]).stdout
    assert "runs" in runner.invoke(cli.cli, ["--help"]).stdout
    result = runner.invoke(cli.cli, ["--params=x"])
    assert "Invalid format of `params`" in result.stderr


def test_a_run_without_options_is_the_one_that_the_project_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_project(tmp_path / "myshop")
    notes = tmp_path / "myshop" / "pyproject.toml"
    text = notes.read_text()
    assert "--pipelines=simulate_otto,train_otto" in text
    notes.write_text(text.replace("simulate_otto,train_otto", "train_oto"))
    monkeypatch.chdir(tmp_path / "myshop" / "conf")
    monkeypatch.setattr(cli, "pipelines", register_pipelines())
    result = CliRunner().invoke(cli.run)
    assert result.exit_code == 1
    assert result.stderr == (
        "Running with --env=sample --pipelines=train_oto: see pyproject.toml\n"
        "Error: --pipelines=train_oto: unknown; did you mean train_otto?\n"
    )
    stated = CliRunner().invoke(cli.run, ["--pipelines=trian_otto"])
    assert stated.stderr == (
        "Error: --pipelines=trian_otto: unknown; did you mean train_otto?\n"
    )
    notes.write_text("[tool.kedro]\n[tool.tronrec]\nrun = 3\n")
    wrong = CliRunner().invoke(cli.run)
    assert wrong.exit_code == 1
    assert "run = 3 below [tool.tronrec]: must be a list of options" in wrong.stderr


@pytest.mark.parametrize("command", [["run"], ["runs", "otto"]])
def test_outside_of_a_project_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.cli, command)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: No configuration in {tmp_path}/conf: go to a project's folder; "
        "`tronrec init myshop` makes one\n"
    )


def test_importing_the_package_loads_nothing_but_the_standard_library(
    python: Run,
) -> None:
    code = (
        "import sys; before = {*sys.modules}; import tronrec; "
        "new = {name.partition('.')[0] for name in {*sys.modules} - before}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )
    assert python("-c", code).stdout == "['tronrec']\n"


@pytest.mark.parametrize(
    "command", [["registry", "list"], ["catalog", "describe-datasets"]]
)
def test_a_broken_configuration_is_one_message(
    tmp_path: Path, command: list[str]
) -> None:
    create_project(tmp_path / "myshop")
    (tmp_path / "myshop/conf/local/catalog.yml").write_text("otto: [")
    done = subprocess.run(
        [sys.executable, "-m", "kedro", *command],
        cwd=tmp_path / "myshop",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Error: The catalog in conf/ cannot be read: Invalid YAML" in done.stderr


def test_commands_of_kedro_are_ours_too(project: Path) -> None:
    bootstrap_project(project)
    listed = CliRunner().invoke(cli.cli, ["registry", "list"])
    assert "- train_otto\n" in listed.stdout
    described = CliRunner().invoke(cli.cli, ["catalog", "describe-datasets", "--help"])
    assert "--pipeline" in described.stdout


def test_errors_of_kedro_have_a_text(python: Run) -> None:
    """Not so with click 8.5, which shows an error when it is no longer handled."""
    completed = python("-m", "kedro", "registry", "describe", "nope")
    assert completed.returncode == 1
    assert "'nope' pipeline not found" in completed.stdout + completed.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ["--pipelines=train_oto"],
            "train_oto: unknown; did you mean train_otto?",
        ),
        (
            ["--from-nodes=train_model"],
            "unknown; did you mean otto.training.train_model?",
        ),
        (
            ["--to-nodes=otto.training"],
            "--to-nodes=otto.training: unknown; did you",
        ),
        (
            ["--nodes=otto.sort_click"],
            "unknown; did you mean otto.ingestion.sort_clicks?",
        ),
        (["--to-outputs=nonexist"], "--to-outputs=nonexist: unknown; known: otto."),
        (["--from-inputs=otto.raw_logs"], "unknown; did you mean otto.raw_log?"),
        (["--tags=x"], "--tags=x: unknown; known: "),
        (["--namespaces=oto"], "--namespaces=oto: unknown; did you mean otto?"),
        (["--load-versions=oto.model:1"], "unknown; did you mean otto.model?"),
        (
            [
                "--from-nodes=otto.reporting.write_summary",
                "--to-nodes=otto.ingestion.read_events",
            ],
            "No node of train_otto is within all of the options",
        ),
        (["--runner=Foo"], "--runner=Foo: module 'kedro.runner' has no attribute"),
        (["--runner=a.b.C"], "--runner=a.b.C: No module named 'a'; take Sequential"),
        (["--runner-params=a=1"], "unexpected keyword argument 'a'; take Sequential"),
        (["--async"], "--async and is_async: nodes that save while they compute"),
        (["--runner-params=is_async=true"], "--async and is_async: "),
    ],
)
def test_an_option_that_names_nothing_is_one_message(
    options: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "pipelines", register_pipelines())
    if not options[0].startswith("--pipelines"):
        options = ["--pipelines=train_otto", *options]
    result = CliRunner().invoke(cli.run, options)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert problem in result.stderr
    assert "Traceback" not in result.stderr


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Any:
    def callback(**_: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "pipelines", register_pipelines())
    monkeypatch.setattr(cli.run, "callback", callback)
    return CliRunner().invoke(cli.run)


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_a_mistake_is_found_behind_other_errors(
    monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    error = DatasetError("cannot load")
    setattr(error, link, UserError("clicks.csv:3: no number; mend it"))
    result = fail(monkeypatch, error)
    assert result.exit_code == 1
    assert result.stderr == "Error: clicks.csv:3: no number; mend it\n"


def test_our_own_faults_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ZeroDivisionError()
    assert fail(monkeypatch, error).exception is error
