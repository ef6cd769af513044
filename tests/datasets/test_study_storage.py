from pathlib import Path

import pytest
from kedro.io import DatasetError

from tronrec.datasets.study_storage import StudyStorageDataset
from tronrec.errors import UserError


def make(folder: Path, **changes: dict[str, str]) -> StudyStorageDataset:
    return StudyStorageDataset(filepath=str(folder), dataset="otto", **changes)


def test_it_is_there_before_a_study_is(tmp_path: Path) -> None:
    dataset = make(tmp_path / "tuning")
    storage = dataset.load()
    assert dataset.exists()
    assert (storage.folder, storage.dataset) == (tmp_path / "tuning", "otto")
    assert storage.url is None
    assert not storage.folder.exists()


def test_optuna_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tronrec.datasets.study_storage.find_spec", lambda _name: None)
    with pytest.raises(DatasetError, match=r'pip install "tronrec\[tune\]"') as error:
        make(tmp_path).load()
    assert isinstance(error.value.__cause__, UserError)


def test_a_database_comes_from_credentials(tmp_path: Path) -> None:
    url = "postgresql://user:secret@host/studies"
    dataset = make(tmp_path, credentials={"url": url})
    assert dataset.load().url == url
    assert "secret" not in f"{dataset!r}{dataset.load()!r}"


def test_credentials_without_an_address_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no url; known: uri"):
        make(tmp_path, credentials={"uri": "x"})
