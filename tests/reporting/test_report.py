import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from plotly.offline import get_plotlyjs

from tronrec.data.packed import PackedSessions
from tronrec.reporting import analysis, slices
from tronrec.reporting.report import facts, write_report
from tronrec.reporting.report_figures import days_figure, systems_figure

ITEMS = pl.DataFrame({"item_id": [7, 8, 9, 5], "count": [50, 30, 15, 5]})
EVENTS = pl.DataFrame(
    {
        "position": [1, 2, 1, 1],
        "length": [3, 3, 2, 2],
        "repeated": [False, True, False, False],
        "tenth": [1, 1, 6, 10],
        "age": [0.5, 2.0, 40.0, 5.0],
        "day": pl.Series(["2026-01-01", "2026-01-01", "2026-01-02", "2026-01-02"]),
    }
).with_columns(pl.col("day").str.to_date())
SESSION = {"session_id": [0, 0, 1, 2]}
PREPARATION = {
    "filtering": {"clicks": 90, "dropped": {}, "kept": {"filtered": 80}},
    "splitting": {"dropped": {}, "kept": {"train": 60, "test": 15}},
}
DAYS = {
    "day": ["2026-01-01", "2026-01-02", "2026-01-05"],
    "clicks": [60, 28, 2],
    "fit": [45, 0, 0],
    "validation": [15, 0, 0],
    "test": [0, 15, 0],
    "borders": {"validation": "2026-01-01T18:00:00+00:00", "test": None},
}


@pytest.fixture(scope="module")
def numbers() -> dict[str, object]:
    model = pl.DataFrame(SESSION | {"tron_xl": [1, 21, 3, 2]})
    baselines = pl.DataFrame(SESSION | {"item_knn": [2, 21, 21, 21]})
    fit = PackedSessions(np.arange(1, 6, dtype=np.int32), np.array([0, 2, 5]))
    test = analysis.analyse_test(EVENTS, model, baselines, 20)
    best = pl.DataFrame({"best_rank": [1, 21, 20, 3]})
    test["catalogue"] = analysis.analyse_catalogue(ITEMS, EVENTS, best, 20)
    return {
        "title": "TRON XL-Negs on <my shop>",
        "facts": "Epoch 2 of 2.",
        "epoch": 2,
        "held_out": "9 held-out sessions",
        "epochs": [
            {"epoch": 1, "loss": 3.5, "validation_recall@20": 0.25},
            {"epoch": 2, "loss": 3.25, "validation_recall@20": 0.5},
        ],
        "test": test,
        "data": analysis.analyse_data(fit, ITEMS, PREPARATION, DAYS),
        "examples": [
            {"clicks": ["a<b>", "c"], "target": "t", "recommended": ["u", "t"]}
        ],
        "titles": {"c": "Red <i>lamp", "t": "Blue hat"},
    }


class Tags(HTMLParser):
    """Counts what is open."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_is_held_out_stands_below_what_it_was_taken_from() -> None:
    kept = [{"filtered": 80}, {"train": 60, "test": 15}, {"fit": 50, "validation": 9}]
    stages = ("filtering", "splitting", "validation")
    counts = {
        stage: {"clicks": 90, "kept": tables}
        for stage, tables in zip(stages, kept, strict=True)
    }
    assert [row["stage"] for row in analysis.funnel(counts)] == [
        *("all clicks", "after filtering", "training period"),
        *("of it fitted", "of it held out", "test"),
    ]


def test_the_legend_shows_the_colours_of_the_bars() -> None:
    row = {"system": "tron", "recall": 0.5, "recall_interval": [0.4, 0.6]}
    row |= {"mrr": 0.2, "mrr_interval": [0.1, 0.3]}
    baseline = row | {"system": "item_knn"}
    mrr, recall = systems_figure([row, baseline], 20).data
    assert {*mrr.marker.color} & {*recall.marker.color} == set()
    assert len({*mrr.marker.color}) == len({*recall.marker.color}) == 2
    assert mrr.marker.opacity is recall.marker.opacity is None


def test_the_numbers_are_right(numbers):
    data = numbers["data"]
    assert data["funnel"] == [
        {"stage": "all clicks", "clicks": 90},
        {"stage": "after filtering", "clicks": 80},
        {"stage": "training period", "clicks": 60},
        {"stage": "test", "clicks": 15},
    ]
    assert data["lengths"] == {"2": 1, "3": 1}
    assert data["popularity"] == {"place": [1, 2, 3, 4], "clicks": [50, 30, 15, 5]}
    # Items 1 to 4 begin at 0, 50, 80 and 95 % of the clicks: tenths 1, 6, 9 and 10.
    shown = {row["tenth"]: row for row in numbers["test"]["catalogue"]}
    assert [shown[t]["items"] for t in (1, 6, 9, 10, 2)] == [1, 1, 1, 1, 0]
    assert [shown[t]["shown"] for t in (1, 6, 9, 10, 2)] == [1, 0, 1, 1, 0]
    assert [shown[t]["clicks"] for t in (1, 6, 10)] == [0.5, 0.25, 0.25]
    model, baseline = numbers["test"]["systems"]
    assert (model["recall"], baseline["recall"]) == (0.75, 0.25)
    assert baseline["recall_lead"] == 0.5


def test_events_of_a_sample_are_those_that_were_ranked():
    kept = slices.of_sessions(EVENTS, pl.Series([0, 0, 2]))
    assert kept.equals(EVENTS[[0, 1, 3]])
    assert slices.of_sessions(EVENTS, pl.Series(range(3))).equals(EVENTS)


def test_the_page_is_whole_and_needs_no_network(numbers):
    page = write_report(numbers)
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    ours = page.replace(get_plotlyjs(), "")
    assert not re.search(r"https?://", ours)
    assert len(set(re.findall(r'id="(figure-[\d-]+)"', page))) == page.count("<figure>")
    assert page.count("<figure>") == 3 + len(slices.group_events(EVENTS)) + 5
    assert numbers["test"]["verdict"] in page


def test_what_users_call_things_is_escaped(numbers):
    page = write_report(numbers)
    assert "<h1>TRON XL-Negs on &lt;my shop&gt;</h1>" in page
    assert '"clicks">a&lt;b&gt;, Red &lt;i&gt;lamp</td>' in page
    assert '"clicked next">Blue hat</td>' in page
    assert 'u, <b class="hit">Blue hat</b>' in page


def test_a_run_without_baselines_has_a_report(numbers):
    model = pl.DataFrame(SESSION | {"tron_xl": [1, 21, 3, 2]})
    alone = analysis.analyse_test(EVENTS, model, pl.DataFrame(SESSION), 20)
    alone["catalogue"] = numbers["test"]["catalogue"]
    assert "compared with no baseline" in write_report(numbers | {"test": alone})


def test_every_click_of_a_day_is_in_its_bar(numbers):
    figure = days_figure(numbers["data"]["days"])
    bars = {bar.name: list(bar.y) for bar in figure.data}
    assert list(bars) == ["fitted", "validation", "test", "left out or dropped"]
    assert [*map(sum, zip(*bars.values(), strict=True))] == DAYS["clicks"]
    assert bars["left out or dropped"] == [0, 13, 2]
    (border,) = figure.layout.shapes
    assert border.x0 == DAYS["borders"]["validation"]


def test_the_facts_have_the_ranking_terms():
    ranking = {"trend": 0.5, "repeat_gains": [1, -2.5], "successors": 0.4}
    metrics = {
        "system": "tron_plus",
        "epoch": 3,
        "sessions": 20,
        "events": 1234,
        "items": 9,
        "parameters": {"ranking": ranking},
    }
    told = facts(metrics, 4, 90.0)
    assert told.startswith("TRON+, epoch 3 of 4. 1,234 events of 20 test sessions")
    terms = "trend 0.5 (memory 0.05), gains 1, -2.5, successors 0.4."
    assert told.endswith(f"Training took 1.5 minutes. Ranking terms: {terms}")
    plain = facts(metrics | {"parameters": {"ranking": {}}}, 4, 90.0)
    assert plain.endswith("minutes. Ranking terms: none.")
