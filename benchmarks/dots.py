"""A figure of dots: a row for each statistic, a dot for each column of a table."""

from collections.abc import Iterator, Mapping
from html import escape

COLOURS = "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
"""Of the columns but the last, for readers with any kind of colour vision."""
LAST = "#d55e00"
ROW, LABEL, WIDTH, VALUE = 24, 210, 640, 60
"""Pixels: height of a row, widths of labels, of the figure and of numbers."""


def draw_dots(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Return an SVG; each row has its own scale, from 0 to its largest value.

    The last column is a ring, so that others show through, and has its number beside.
    """
    rows = list(next(iter(columns.values())))
    height = ROW * (len(rows) + 2)
    body = [*_legend(list(columns))]
    for number, row in enumerate(rows):
        values = {name: column[row] for name, column in columns.items()}
        body.extend(_row(row, values, ROW * (number + 2)))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="sans-serif" '
            'font-size="12">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            *body,
            "</svg>\n",
        ]
    )


def _legend(names: list[str]) -> Iterator[str]:
    step = (WIDTH - 20) / len(names)
    for number, name in enumerate(names):
        x = 16 + number * step
        yield _dot(x, ROW / 2, number, len(names))
        yield f'<text x="{x + 10:.0f}" y="{ROW / 2 + 4:.0f}">{escape(name)}</text>'


def _row(label: str, values: Mapping[str, float], top: float) -> Iterator[str]:
    middle, right = top - ROW / 4, WIDTH - VALUE
    scale = (right - LABEL) / max(map(abs, values.values()))
    yield f'<text x="10" y="{middle + 4:.0f}">{escape(label)}</text>'
    yield (
        f'<line x1="{LABEL}" x2="{right}" y1="{middle}" y2="{middle}" '
        'stroke="#ddd" stroke-width="1"/>'
    )
    for number, value in enumerate(values.values()):
        yield _dot(LABEL + abs(value) * scale, middle, number, len(values))
    *_, last = values.values()
    yield f'<text x="{right + 12}" y="{middle + 4:.0f}">{last:.3g}</text>'


def _dot(x: float, y: float, number: int, columns: int) -> str:
    place = f'<circle cx="{x:.1f}" cy="{y}"'
    if number == columns - 1:
        return f'{place} r="6" fill="none" stroke="{LAST}" stroke-width="3"/>'
    return f'{place} r="4" fill="{COLOURS[number % len(COLOURS)]}"/>'
