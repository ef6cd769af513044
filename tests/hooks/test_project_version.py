from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tronrec.hooks import ProjectVersion
from tronrec.version import __version__


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        ('[tool.tronrec]\nversion = "0.0.9"', True),
        (f'[tool.tronrec]\nversion = "{__version__}"', False),
        ("[tool.kedro]", False),
    ],
)
def test_a_configuration_of_another_version_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, warns: bool
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    context: Any = SimpleNamespace(project_path=tmp_path)
    ProjectVersion().after_context_created(context)
    assert (f"of tronrec 0.0.9, and this is tronrec {__version__}" in caplog.text) == (
        warns
    )
