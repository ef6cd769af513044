"""Lines and tables of lines."""

import pytest

from tronrec.data.formats.lines import count_lines


@pytest.mark.parametrize(
    ("data", "count"), [(b"", 0), (b"\n", 1), (b"a", 1), (b"a\n", 1), (b"a\nb", 2)]
)
def test_count_lines(data: bytes, count: int) -> None:
    assert count_lines(data) == count
