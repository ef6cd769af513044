"""What is served where the command names nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tronrec.errors import UserError
from tronrec.serving.command import serve
from tronrec.serving.discovery import find_items, find_model


def train(root: Path, dataset: str) -> Path:
    """Put a file where a training would."""
    model = root / "06_models" / dataset / "model.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    return model


@pytest.mark.parametrize("root", ["", "sample"])
def test_the_only_model_is_found_with_its_items(tmp_path: Path, root: str) -> None:
    model = train(tmp_path / root, "otto")
    (model.parent / "checkpoint.safetensors").touch()
    assert find_model(tmp_path) == model
    assert find_items(model) is None
    items = tmp_path / root / "01_raw" / "otto" / "item_details.parquet"
    items.parent.mkdir(parents=True)
    items.touch()
    assert find_items(model) == items


def test_of_several_models_none_is_taken(tmp_path: Path) -> None:
    models = [train(tmp_path, "shop"), train(tmp_path / "sample", "otto")]
    with pytest.raises(UserError, match="there are several; give one") as refused:
        find_model(tmp_path)
    assert all(f"--model {model}" in str(refused.value) for model in models)


def test_without_any_model_the_message_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(serve, [])
    assert result.exit_code == 1
    assert "there is none in data/06_models: `tronrec run` trains one" in result.output


def test_without_the_extra_the_message_names_it(python) -> None:
    hide = "import sys; sys.modules['prometheus_client'] = None; "
    command = "from tronrec.serving.command import serve; serve(['--model=x'])"
    done = python("-c", hide + command)
    assert done.returncode == 1
    assert 'the service needs its extra: pip install "tronrec[serve]"' in done.stderr
    assert "Traceback" not in done.stderr
