from types import ModuleType

import pytest
from pydantic import Field

from scripts import PROJECT, load_script
from tronrec.params import DatasetParams, Params


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    return load_script("docs/hooks.py")


class Example(Params):
    rate: float = Field(0.5, ge=0, lt=1)
    """First line,
    second line."""


def test_field_docstrings_are_read(hooks: ModuleType) -> None:
    assert hooks.attribute_docstrings(Example) == {"rate": "First line, second line."}


def test_every_parameter_is_on_the_page(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown("Text.\n\n<!-- generate: parameters -->\n")

    assert page.startswith("Text.")
    for name, value in DatasetParams():
        if isinstance(value, Params):
            assert f"## {name}\n" in page
        else:
            assert f"| `{name}` |" in page
        for field in type(value).model_fields if isinstance(value, Params) else ():
            assert f"| `{field}` |" in page


@pytest.mark.parametrize(
    "row",
    [
        "| `uniform` | int ≥ 0 | `16384` | Items drawn uniformly from the catalogue. |",
        '| `by` | `time`, `files` | `"time"` |',
        "| `top_k` | int or null ≥ 1 | `100` |",
        "| `dropout` | float ≥ 0, < 1 | `0.05` |",
        "| `cutoffs` | tuple[int, ...] | `[5, 10, 20]` |",
    ],
)
def test_rows_state_type_limits_and_default(hooks: ModuleType, row: str) -> None:
    assert row in hooks.parameters()


def test_paper_tables(hooks: ModuleType) -> None:
    assert "| otto | 12.9M | 194.7M | 1.8M | 1.6M | 12.3M |" in hooks.table_1()
    assert "| TRON XL-Negs | 0.541 / 0.182 / 68.4 |" in hooks.table_2()


def test_pages_ask_only_for_what_can_be_generated(hooks: ModuleType) -> None:
    for page in (PROJECT / "docs").glob("*.md"):
        hooks.on_page_markdown(page.read_text(encoding="utf-8"))
