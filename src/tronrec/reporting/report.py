"""The report of a run: one HTML file with its figures, which needs no network."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import plotly.graph_objects as go

from tronrec.data.session_sample import describe_sample
from tronrec.params import RankingParams
from tronrec.reporting import report_figures as figures
from tronrec.reporting.paper import ReportedData
from tronrec.reporting.verdict import spoken

Numbers = Mapping[str, Any]

LIBRARY = "package_data/plotly.min.js"
"""What draws the figures, in plotly's package: 4 MB."""

CONFIG = {"responsive": True, "displayModeBar": False}

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
.verdict { font-size: 1.15rem; border-left: .3rem solid #0072B2; padding: .2rem 1rem; }
.facts, figcaption, td small { color: #666; }
.figures { display: grid; gap: 1rem; }
.many {
  grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid #ddd; }
b.hit { color: #00704f; }
@media (max-width: 40rem) {
  tr:first-child { display: none; }
  td { display: block; padding: .2rem 0; border: 0; }
  td:last-child { padding-bottom: 1rem; border-bottom: 1px solid #ddd; }
  td::before { content: attr(data-label) ": "; color: #666; }
}
"""
"""On a phone, the cells of a row are below each other."""


class Picture(NamedTuple):
    """A figure with what it shows."""

    title: str
    caption: str
    figure: go.Figure


class Section(NamedTuple):
    """Pictures under one heading."""

    title: str
    pictures: list[Picture]


def write_report(numbers: Numbers) -> str:
    """Return the page.

    Args:
        numbers: What `analysis` and the run have counted; see `pipelines.reporting`.
    """
    parts = [
        f"<h1>{escape(numbers['title'])}</h1>",
        f'<p class="verdict">{escape(numbers["test"]["verdict"])}</p>',
        f'<p class="facts">{escape(numbers["facts"])}</p>',
    ]
    for section, (title, pictures) in enumerate(_sections(numbers)):
        drawn = [_draw(p, f"figure-{section}-{n}") for n, p in enumerate(pictures)]
        # Figures are drawn one by one: their width must not depend on later ones.
        many = " many" if len(drawn) > 1 else ""
        figures_html = f'<div class="figures{many}">{"".join(drawn)}</div>'
        parts.append(f"<h2>{title}</h2>{figures_html}")
    parts.append(
        "<h2>Sessions to look at</h2>"
        + _examples(numbers["examples"], numbers["titles"])
    )
    library = files("plotly").joinpath(LIBRARY).read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(numbers['title'])}</title><style>{STYLE}</style>"
        f"<script>{library}</script></head><body>{''.join(parts)}</body></html>\n"
    )


def _sections(numbers: Numbers) -> Iterator[Section]:
    """Yield the sections of the page in their order."""
    yield _comparison(numbers["test"])
    yield _training(numbers)
    yield _groups(numbers["test"])
    yield _data(numbers["data"], numbers["test"])


def _comparison(test: Numbers) -> Section:
    k = test["k"]
    caption = (
        f"Recall@{k} and MRR@{k} of all test events, with 95 % intervals by bootstrap "
        "over sessions."
    )
    drawn = figures.systems_figure(test["systems"], k)
    return Section("Against what needs no training", [Picture("", caption, drawn)])


def _training(numbers: Numbers) -> Section:
    epochs, model = numbers["epochs"], numbers["test"]["systems"][0]["system"]
    recall = Picture(
        "Recall@20 after every epoch",
        f"On {numbers['held_out']}; the model kept is that of epoch "
        f"{numbers['epoch']}.",
        figures.epochs_figure(epochs, model),
    )
    loss = Picture("Loss", "Mean of each epoch.", figures.loss_figure(epochs))
    return Section("Training", [recall, loss])


def _groups(test: Numbers) -> Section:
    caption = f"Recall@{test['k']} as bars, MRR@{test['k']} as diamonds."
    pictures = [
        Picture(group["title"], caption, figures.group_figure(group))
        for group in test["groups"].values()
    ]
    return Section("Where it is good, and where not", pictures)


def _data(data: Numbers, test: Numbers) -> Section:
    pictures = [
        Picture(
            "Clicks of each day",
            "By what became of them. Lines: where a period begins, by the moment that "
            "decides where a session belongs.",
            figures.days_figure(data["days"]),
        ),
        Picture(
            "What is shown, and what is clicked",
            "Tenths of all clicks, the most popular items first: the share of items "
            f"that was among anyone's first {test['k']}, and of the test clicks.",
            figures.catalogue_figure(test["catalogue"]),
        ),
        Picture(
            "Clicks left", "After each stage.", figures.funnel_figure(data["funnel"])
        ),
        Picture(
            "Length of sessions",
            "Of the sessions fitted; the last bar has all longer ones.",
            figures.lengths_figure(data["lengths"]),
        ),
        Picture(
            "Popularity of items",
            "Clicks in the training period.",
            figures.popularity_figure(data["popularity"]),
        ),
    ]
    return Section("The data", pictures)


def _draw(picture: Picture, name: str) -> str:
    """Return a figure with title and caption as HTML."""
    title = f"<h3>{escape(picture.title)}</h3>" if picture.title else ""
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>"
    html = picture.figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config=CONFIG,
        div_id=name,
        default_height=f"{picture.figure.layout.height}px",
    )
    return f"<figure>{title}{caption}{html}</figure>"


def _examples(examples: Sequence[Numbers], titles: Mapping[str, str]) -> str:
    """Return some test sessions, what came next, and what was recommended."""

    def show(items: Sequence[object], target: object = None) -> str:
        names = (escape(titles.get(str(item), str(item))) for item in items)
        return ", ".join(
            f'<b class="hit">{name}</b>' if item == target else name
            for item, name in zip(items, names, strict=True)
        )

    rows = "".join(
        f'<tr><td data-label="clicks">{show(example["clicks"])}</td>'
        f'<td data-label="clicked next">{show([example["target"]])}</td>'
        '<td data-label="recommended">'
        f"{show(example['recommended'], example['target'])}</td></tr>"
        for example in examples
    )
    return (
        '<p class="facts">Drawn at random. The item clicked next is bold where it is '
        'among the first five.</p><div class="scroll"><table><tr><th>clicks, the '
        "newest last</th><th>clicked next</th>"
        "<th>recommended, the best first</th></tr>"
        f"{rows}</table></div>"
    )


def title(system: str, dataset: ReportedData) -> str:
    """Return the title of the page."""
    return f"{spoken(system)} on {dataset.title}"


def facts(metrics: Numbers, epochs: int, seconds: float) -> str:
    """Return what was measured on, how it ranks, and how long the training took."""
    ranking = RankingParams.model_validate(metrics["parameters"]["ranking"])
    measured = metrics["sessions"]
    test = describe_sample(measured, metrics.get("drawn_from", measured), "test")
    return (
        f"{spoken(metrics['system'])}, epoch {metrics['epoch']} of {epochs}. "
        f"{metrics['events']:,} events of {test}, each "
        f"ranked among all {metrics['items']:,} items. Training took "
        f"{seconds / 60:,.1f} minutes. Ranking terms: {ranking.describe()}."
    )
