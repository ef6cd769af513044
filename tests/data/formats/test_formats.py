"""The formats are found by themselves, and each is whole."""

from tronrec.data.formats import FORMATS


def test_a_module_is_all_that_a_format_needs() -> None:
    assert [*FORMATS] == ["diginetica", "otto", "csv", "jsonl", "parquet", "yoochoose"]
    for name, raw_format in FORMATS.items():
        assert raw_format.name == name
        assert "train" in raw_format.files
        assert set(raw_format.written) <= set(raw_format.files)
