"""A study that is ready to be searched: its trials are comparable, and its first wait.

Values of trials can be compared only if all that is not searched is the same. A study
therefore keeps what it was made from, and refuses a run that differs.
"""

from typing import Any

from optuna import Study, create_trial
from optuna.trial import TrialState

from tronrec.data.packed import PackedSessions
from tronrec.errors import UserError
from tronrec.params import SystemParams, TuningParams
from tronrec.tuning.space import locate
from tronrec.tuning.storage import OpenedStudy, StudyStorage

MADE_FROM = "made_from"


def open_study(
    storage: StudyStorage,
    params: TuningParams,
    system: SystemParams,
    fit: PackedSessions,
    validation: PackedSessions,
) -> OpenedStudy:
    """Return the study, with the systems that are tried first in its queue.

    Raises:
        UserError: It was made from something else, or there is nothing to measure on.
    """
    if not params.space:
        raise UserError("tuning.space is empty: name a parameter to be searched")
    if not len(validation):
        raise UserError(
            "There are no validation sessions to measure trials on: raise "
            "splitting.validation_days above 0"
        )
    opened = OpenedStudy(storage, params, _with_epochs(system, params.epochs))
    study = opened.load()
    with storage.lock():
        _check_origin(study, _made_from(opened, fit, validation))
        _queue_first(study, params)
    return opened


def _queue_first(study: Study, params: TuningParams) -> None:
    """Queue the systems that are tried first, each only once in the study's life."""
    queued = [
        trial.user_attrs["system"]
        for trial in study.get_trials()
        if "warm_start" in trial.user_attrs
    ]
    for name, entry in params.warm_start.items():
        system = _with_epochs(entry, params.epochs)
        facts = {"warm_start": name, "system": system.model_dump(mode="json")}
        if facts["system"] not in queued:
            queue(study, locate(params, system), facts)
            queued.append(facts["system"])


def queue(study: Study, values: dict[str, Any], facts: dict[str, Any]) -> None:
    """Add a trial that waits, with values by Optuna's names and facts about it."""
    trial = create_trial(
        state=TrialState.WAITING,
        system_attrs={"fixed_params": values},
        user_attrs=facts | {"fixed": values},
    )
    study.add_trial(trial)


def _with_epochs(system: SystemParams, epochs: int | None) -> SystemParams:
    """Return the system as a trial trains it."""
    if epochs is None:
        return system
    training = system.training.model_copy(update={"epochs": epochs})
    return system.model_copy(update={"training": training})


def _made_from(
    opened: OpenedStudy, fit: PackedSessions, validation: PackedSessions
) -> dict[str, Any]:
    """Return what decides the values of trials, except for what is searched."""
    params, searched = opened.params, opened.params.dimensions()
    unsearched = {
        f"{block}.{name}": value
        for block, values in opened.base.model_dump(mode="json").items()
        for name, value in values.items()
        if f"{block}.{name}" not in searched
    }
    scales = {
        f"tuning.space.{name}": list(entry.choices) or {"log": entry.log}
        for name, entry in searched.items()
    }
    names = ("metric", "objectives", "sessions")
    settings = {f"tuning.{name}": getattr(params, name) for name in names}
    data = {"fit": fit.fingerprint(), "validation": validation.fingerprint()}
    return unsearched | scales | settings | data


def _check_origin(study: Study, made_from: dict[str, Any]) -> None:
    """Note in a new study what it is made from; compare with it otherwise."""
    before = study.user_attrs.get(MADE_FROM)
    if before is None:
        study.set_user_attr(MADE_FROM, made_from)
        return
    changed = [
        key for key in made_from.keys() & before.keys() if made_from[key] != before[key]
    ]
    if changed:
        raise UserError(
            f"The study {study.study_name} has trials of other values of "
            f"{', '.join(sorted(changed))}: set tuning.study to a new name, or take "
            "the change back"
        )
