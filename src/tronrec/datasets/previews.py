"""What Kedro-Viz shows of data, in the forms that it knows.

It reads the form off the annotation of a data set's `preview`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kedro_datasets._typing import HTMLPreview, JSONPreview, TablePreview

SCRIPT = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL)
"""It draws the figures of a page; a preview runs none."""
FIGURE = re.compile(r"<figure>.*?</figure>", re.DOTALL)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> TablePreview:
    """Return a table, its cells as text."""
    return TablePreview(
        {
            "index": list(range(len(rows))),
            "columns": list(columns),
            "data": [[None if v is None else str(v) for v in row] for row in rows],
        }
    )


def show_record(record: Mapping[str, Any]) -> JSONPreview:
    """Return an object with its short entries first, numbers before long blocks."""
    lengths = {name: len(json.dumps(value)) for name, value in record.items()}
    return JSONPreview(
        json.dumps({n: record[n] for n in sorted(record, key=lengths.__getitem__)})
    )


def show_markdown(text: str) -> HTMLPreview:
    """Return a page that is written in Markdown."""
    from markdown_it import MarkdownIt

    return _on_one_line(MarkdownIt().enable("table").render(text))


def show_page(html: str) -> HTMLPreview:
    """Return the text and the tables of a page, without its figures."""
    body = html[html.find("<body") :]
    return _on_one_line(FIGURE.sub("", SCRIPT.sub("", body)))


def _on_one_line(html: str) -> HTMLPreview:
    """Return a page as one line, and names in words.

    Kedro-Viz looks for Markdown in it: ends of lines, and `_` around what is slanted.
    """
    return HTMLPreview(" ".join(html.split()).replace("_", " "))
