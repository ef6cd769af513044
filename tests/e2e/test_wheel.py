"""A wheel holds all that a project needs: built, installed and used in a new folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

PROJECT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src", "conf")


def run(folder: Path, *arguments: str, packages: Path | None = None) -> str:
    """Run Python in a folder, with the wheel's package before all others."""
    path = {"PYTHONPATH": str(packages)} if packages else {}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources: a build leaves files beside them."""
    folder = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        if (PROJECT / name).is_dir():
            shutil.copytree(
                PROJECT / name, folder / name, symlinks=True, ignore=ignored
            )
        else:
            shutil.copy(PROJECT / name, folder)
    (folder / "conf" / "local" / "credentials.yml").write_text("shop: {secret: 1}")
    options = "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir=dist"
    run(folder, "-m", "pip", "wheel", *options, ".")
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def test_the_wheel_holds_the_configuration_and_nothing_local(wheel: Path) -> None:
    before = "tronrec/starter/files/"
    with ZipFile(wheel) as archive:
        there = {n.removeprefix(before) for n in archive.namelist() if before in n}
    wanted = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "conf").rglob("*.yml")
        if "local" not in path.parts
    }
    assert there == wanted | {"README.md", "gitignore", "pyproject.toml"}


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Callable[..., str]:
    """Run Python with the package that the wheel holds."""
    packages = wheel.parent / "packages"
    options = "--no-deps", "--no-compile", "--quiet", f"--target={packages}"
    run(wheel.parent, "-m", "pip", "install", *options, str(wheel))
    return lambda folder, *arguments: run(folder, *arguments, packages=packages)


def test_a_new_folder_works_with_what_the_wheel_holds(
    installed: Callable[..., str], tmp_path: Path
) -> None:
    assert "myshop is a project" in installed(
        tmp_path, "-m", "tronrec", "init", "myshop"
    )
    shop = tmp_path / "myshop"
    names = installed(shop, "-m", "kedro", "registry", "list")
    assert "- train_otto\n" in names
    where = installed(shop, "-c", "import tronrec; print(tronrec.__file__)")
    assert Path(where).parts[-3] == "packages"
