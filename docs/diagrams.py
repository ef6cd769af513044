"""Draws the diagrams of the pages when the site is built, so that it needs no network.

A diagram is written in Mermaid, which GitHub shows as well. It becomes an SVG inside
the page, and `stylesheets/extra.css` colours it, by day and by night.
"""

import re
from itertools import count
from typing import Any

import mermaidx

FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)

STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)

FONT = {"fontFamily": "Verdana, 'DejaVu Sans', sans-serif"}
"""As wide as the font that the labels are measured with."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each Mermaid block of a page by its drawing."""
    numbers = count(1)
    return FENCE.sub(lambda match: draw(match[1], next(numbers)), markdown)


def draw(source: str, number: int) -> str:
    """Return a diagram as HTML; `number` tells its ids from those of others."""
    svg = mermaidx.render(source, config=FONT).svg()
    bare = STYLE.sub("", svg).replace("my-svg", f"diagram-{number}")
    return f'<figure class="diagram">{bare}</figure>'
