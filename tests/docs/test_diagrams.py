import re
from types import ModuleType

import pytest

from scripts import load_script

PAGE = """Before.

```mermaid
flowchart TD
  clicks --> model
```

```python
between = 1
```

```mermaid
flowchart TD
  model --> metrics
```

After.
"""


@pytest.fixture(scope="module")
def diagrams() -> ModuleType:
    return load_script("docs/diagrams.py")


def test_diagrams_are_drawn_into_the_page(diagrams: ModuleType) -> None:
    page = diagrams.on_page_markdown(PAGE)
    drawn = re.findall(r'^<figure class="diagram"><svg .*</figure>$', page, re.M)
    assert len(drawn) == 2
    for name, drawing in zip(("clicks", "metrics"), drawn, strict=True):
        assert f"<p>{name}</p>" in drawing
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert re.sub("(?m)^<figure.*", "", page).split() == [
        *("Before.", "```python", "between", "=", "1", "```", "After."),
    ]


def test_a_drawing_needs_no_network(diagrams: ModuleType) -> None:
    page = diagrams.on_page_markdown(PAGE)
    assert set(re.findall(r'[\w:]+="https?:[^"]*"', page)) <= {
        'xmlns="http://www.w3.org/2000/svg"',
        'xmlns="http://www.w3.org/1999/xhtml"',
        'xmlns:xlink="http://www.w3.org/1999/xlink"',
    }
    assert "<script" not in page
    assert "@import" not in page


def test_a_mistake_in_a_diagram_stops_the_build(diagrams: ModuleType) -> None:
    with pytest.raises(Exception, match=r"[Pp]arse|[Ss]yntax"):
        diagrams.on_page_markdown("```mermaid\nflowchart TD\n  a -->\n```\n")
