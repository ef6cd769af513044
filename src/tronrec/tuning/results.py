"""What a study found: its trials as a table, and the system that it recommends."""

import json
import logging
from typing import Any

import polars as pl
from optuna import Study

from tronrec.errors import UserError
from tronrec.params import TuningParams

logger = logging.getLogger(__name__)

COLUMNS = pl.Schema(
    {
        "number": pl.Int64(),
        "state": pl.String(),
        "warm_start": pl.String(),
        "metric": pl.Float64(),
        "seconds": pl.Float64(),
        "epochs": pl.Int64(),
        "started": pl.Datetime("us"),
        "ended": pl.Datetime("us"),
        "worker": pl.String(),
        "retry_of": pl.Int64(),
        "same_as": pl.Int64(),
        "error": pl.String(),
        "system": pl.String(),
    }
)
"""The columns before those of the searched parameters. `metric` is the best epoch's, of
a pruned trial the last one's; `seconds` are of training; `system` is JSON."""


def tabulate_trials(study: Study) -> pl.DataFrame:
    """Return a row for each trial that was started."""
    rows: list[dict[str, Any]] = []
    searched: dict[str, None] = {}
    for trial in study.get_trials():
        if trial.datetime_start is None:
            continue
        facts = trial.user_attrs
        rows.append(
            {name: facts.get(name) for name in COLUMNS}
            | {
                "number": trial.number,
                "state": trial.state.name.lower(),
                "metric": trial.values[0] if trial.values else None,
                "started": trial.datetime_start,
                "ended": trial.datetime_complete,
                "system": json.dumps(facts["system"]) if "system" in facts else None,
            }
            | trial.params
        )
        searched |= dict.fromkeys(trial.params)
    names = [*COLUMNS, *sorted(searched)]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame(columns, schema_overrides=COLUMNS, strict=False)


def choose_system(trials: pl.DataFrame, params: TuningParams) -> dict[str, Any]:
    """Return the system of the trial that is chosen, as it stands under `systems`.

    How long it is trained and with which seed is left to the run that trains it.

    Raises:
        UserError: There is no such trial.
    """
    complete = trials.filter(state="complete").sort(
        "metric", "number", descending=[True, False]
    )
    if params.choose is not None:
        complete = complete.filter(number=params.choose)
    if complete.is_empty():
        errors = trials["error"].drop_nulls()
        raise UserError(
            f"No complete trial to choose (tuning.choose = {params.choose}) among "
            f"{trials.height}; the last error: {errors[-1] if len(errors) else 'none'}"
        )
    best = complete.row(0, named=True)
    origin = best["warm_start"] or "drawn from the space"
    logger.info(
        "Chosen: trial %d (%s), %s %.4f on validation",
        *(best["number"], origin, params.metric, best["metric"]),
    )
    system: dict[str, Any] = json.loads(best["system"])
    for name in ("epochs", "patience", "seed"):
        del system["training"][name]
    return system
