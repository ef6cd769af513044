import filecmp
import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from tronrec.errors import UserError
from tronrec.starter import FILES, ProjectNotes, create_project
from tronrec.starter.command import init
from tronrec.version import __version__


def test_the_configuration_is_that_of_the_repository(project: Path) -> None:
    """Of a checkout it is a link, of an unpacked sdist a copy."""
    for folder in (".", "base", "sample"):
        both = filecmp.dircmp(project / "conf" / folder, FILES / "conf" / folder)
        assert both.same_files
        assert not both.left_only + both.right_only + both.diff_files


@pytest.mark.parametrize("name", ["myshop", 'my "own" shop', "new/shop"])
def test_a_folder_becomes_a_project(tmp_path: Path, project: Path, name: str) -> None:
    folder = tmp_path / name
    create_project(folder)
    notes = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]
    assert notes["kedro"]["project_name"] == folder.name
    assert notes["tronrec"]["version"] == __version__
    assert "$" not in (folder / "README.md").read_text()
    for environment in ("base", "sample"):
        files = [path.name for path in (project / "conf" / environment).iterdir()]
        _, other, missing = filecmp.cmpfiles(
            project / "conf" / environment, folder / "conf" / environment, files
        )
        assert not other + missing
    assert [path.name for path in (folder / "conf" / "local").iterdir()] == [".gitkeep"]


def test_what_is_local_does_not_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conf: Path
) -> None:
    (conf / "local" / "credentials.yml").write_text("secret: {}")
    for name in ("README.md", "pyproject.toml", "gitignore"):
        (tmp_path / name).write_bytes((FILES / name).read_bytes())
    monkeypatch.setattr("tronrec.starter.FILES", tmp_path)
    create_project(tmp_path / "myshop")
    assert not (tmp_path / "myshop" / "conf" / "local" / "credentials.yml").exists()


def test_the_folder_one_is_in_may_hold_packages_and_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".venv", ".git"):
        (tmp_path / name).mkdir()
    result = CliRunner().invoke(init)
    assert result.exit_code == 0
    assert f"{tmp_path} is a project. `tronrec run` trains" in result.stdout
    assert (tmp_path / "pyproject.toml").exists()


@pytest.mark.parametrize("name", ["clicks.csv", ".gitignore"])
def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    result = CliRunner().invoke(init, [str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {tmp_path}: not empty, there is {name}; name a new folder, such as "
        "`tronrec init myshop`\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "myshop").touch()
    with pytest.raises(UserError, match="a file of that name; choose another name"):
        create_project(tmp_path / "myshop")


def test_a_place_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written: .*Not a directory"):
        create_project(tmp_path / "file" / "myshop")


def read(folder: Path, text: str) -> ProjectNotes:
    (folder / "pyproject.toml").write_text(text)
    return ProjectNotes.read(folder)


def test_a_project_need_not_say_anything(tmp_path: Path) -> None:
    assert ProjectNotes.read(tmp_path) == ProjectNotes()
    for text in ("", "[tool.kedro]\n", "[tool.tronrec]\n"):
        assert read(tmp_path, text) == ProjectNotes()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[tool", "pyproject.toml: cannot be read"),
        ("[tool.tronrec]\nrun = '--env=x'", "run = '--env=x' .*: must be a list of"),
        ("[tool.tronrec]\nrun = [1]", r"run = \[1\] .*: must be a list of options"),
        ("[tool]\ntronrec = 3", "tronrec = 3: must be a block"),
    ],
)
def test_what_a_project_says_wrongly_is_one_message(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        read(tmp_path, text)


def test_the_name_of_a_folder_is_quoted_as_toml_has_it() -> None:
    name = 'a"b\\c\té\u2028'
    assert tomllib.loads(f"name = {json.dumps(name)}")["name"] == name
