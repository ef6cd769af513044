"""The page that says what a test has shown, what it has not, and on what that rests."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tronrec.experiment.figures import title_of
from tronrec.reporting.paper import LABELS
from tronrec.reporting.tables import markdown_table

LEAST_P = 1e-3
"""P-values below it are not told apart."""

Record = Mapping[str, Any]


def uplift_table(results: Record, truth: Record) -> pl.DataFrame:
    """Return a row for each metric and group, with the known uplift if there is one."""
    known = truth.get("uplifts", {})
    return pl.DataFrame(
        [
            row | {"truth": known.get(row["group"], {}).get(row["metric"])}
            for row in results["uplifts"]
        ],
        schema_overrides={"truth": pl.Float64},
        infer_schema_length=None,
    )


def page(results: Record, account: Record, truth: Record, dataset: str) -> str:
    """Return the test in Markdown: what may be concluded, then the figures.

    Args:
        results: What was measured.
        account: What became of every row of the logs.
        truth: Uplifts that are known otherwise, if there are any.
        dataset: Name of the data set.
    """
    control = LABELS.get(results["control"], results["control"])
    level = f"{results['level']:.0%}"
    cuped = " Events from before the test have made the intervals narrower (CUPED)."
    before = cuped if results["cuped"] else ""
    return f"""# Online experiment on {dataset}

{conclusion(results)}

## Uplift against {control}

In brackets: the {level} interval for one look at the end of the test, then the \
always-valid one, for a look every day. p-values are corrected for all \
{len(results["uplifts"])} comparisons by Holm's method.{before}

{_uplifts(results, truth)}
## Groups

{_groups(results)}
Sizes as unlike the weights as these come by chance with p = \
{results["sample_ratio_p"]:.3f}.

{_ratios(results)}
## Rows of the logs

{_account(account)}"""


def conclusion(results: Record) -> str:
    """Return one paragraph: what was shown, what was not, and what nobody may say."""
    control = LABELS.get(results["control"], results["control"])
    known = [row for row in results["uplifts"] if row["uplift"] is not None]
    shown = [_finding(row, results) for row in known if _is_shown(row, "p", results)]
    rest = [_finding(row, results) for row in known if not _is_shown(row, "p", results)]
    unknown = [_name(row) for row in results["uplifts"] if row["uplift"] is None]
    parts = [
        f"Against {control}, the test shows: {'; '.join(shown)}."
        if shown
        else f"The test shows no difference from {control}."
    ]
    if rest:
        agrees = "Not decided, as the log agrees with every value between"
        parts.append(f"{agrees}: {'; '.join(rest)}.")
    if unknown:
        parts.append(f"Without any such event in a group: {'; '.join(unknown)}.")
    visitors = sum(results["visitors"].values())
    parts.append(
        f"This is about the {visitors:,} visitors of {results['days']} days, from "
        f"{results['begin'][:10]} on. It does not tell how long an effect lasts, what "
        "it is for other visitors or seasons, nor what would happen if all visitors "
        "got one system, as the groups share stock and trend."
    )
    return " ".join(parts)


def _is_shown(row: Record, p_value: str, results: Record) -> bool:
    """Return whether an uplift is significant among all comparisons."""
    return bool(row[f"{p_value}_holm"] < 1 - results["level"])


def _finding(row: Record, results: Record) -> str:
    """Return an uplift with its interval, and whether it holds for one look only."""
    low, high = _percent(row["low"]), _percent(row["high"])
    once = _is_shown(row, "p", results) and not _is_shown(row, "always_p", results)
    only = ", for one look at the planned end only" if once else ""
    return f"{_name(row)} {_percent(row['uplift'])} ({low} to {high}{only})"


def _name(row: Record) -> str:
    return (
        f"{LABELS.get(row['group'], row['group'])}, {title_of(row['metric']).lower()}"
    )


def _uplifts(results: Record, truth: Record) -> str:
    header = ["metric", "group", "uplift", "p (Holm)", "always-valid p"]
    if truth:
        header.append(f"truth ({truth['label']})")
    known = truth.get("uplifts", {})
    rows = []
    for row in results["uplifts"]:
        cells = [title_of(row["metric"]), LABELS.get(row["group"], row["group"])]
        if row["uplift"] is None:
            cells += ["", "", ""]
        else:
            once, always = (
                f"[{_percent(row[low])}, {_percent(row[high])}]"
                for low, high in (("low", "high"), ("always_low", "always_high"))
            )
            cells.append(f"{_percent(row['uplift'])} {once} {always}")
            cells += [_p(row["p_holm"]), _p(row["always_p_holm"])]
        if truth:
            cells.append(_percent(known.get(row["group"], {}).get(row["metric"])))
        rows.append(cells)
    return markdown_table(header, rows)


def _groups(results: Record) -> str:
    rows = [
        [LABELS.get(group, group), f"{number:,}"]
        for group, number in results["visitors"].items()
    ]
    return markdown_table(["group", "visitors"], rows)


def _ratios(results: Record) -> str:
    header = ["metric", "group", "sum", "by", "ratio"]
    return markdown_table(
        header,
        [
            [
                title_of(row["metric"]),
                LABELS.get(row["group"], row["group"]),
                f"{row['numerator']:,.0f}",
                f"{row['denominator']:,.0f}",
                ""
                if row["ratio"] is None
                else f"{row['ratio']:.5f} [{row['low']:.5f}, {row['high']:.5f}]",
            ]
            for row in results["ratios"]
        ],
    )


def _account(account: Record) -> str:
    """Return what became of the rows of both logs; they add up to those read."""
    logs: Sequence[str] = ("exposures", "outcomes")
    reasons = [reason for log in logs for reason in account[log] if reason != "read"]
    rows = [
        [reason, *(_count(account[log].get(reason)) for log in logs)]
        for reason in ("read", *dict.fromkeys(reasons))
    ]
    return markdown_table(["", *logs], rows)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1%}"


def _p(value: float) -> str:
    return "< .001" if value < LEAST_P else f"{value:.3f}"
