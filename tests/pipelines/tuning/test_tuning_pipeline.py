from kedro.pipeline import Pipeline

from tronrec.pipeline_registry import register_pipelines
from tronrec.pipelines import tuning


def test_the_test_period_cannot_reach_a_trial() -> None:
    """Nothing that the search reads, or is made for it, is a test session."""
    assert not [name for name in tuning.create_pipeline().datasets() if "test" in name]
    verb = register_pipelines()["tune_otto"]
    needed: Pipeline = verb.to_outputs("otto.tuned_system")
    sessions = {name for name in needed.datasets() if name.endswith("sessions")}
    reads = tuning.create_pipeline().inputs()
    assert sessions >= {"otto.fit_sessions", "otto.validation_sessions"}
    assert {name for name in reads if name.endswith("sessions")} == {
        "fit_sessions",
        "validation_sessions",
    }


def test_every_plot_has_a_catalog_entry() -> None:
    outputs = tuning.create_pipeline().outputs()
    assert {name for name in outputs if name.startswith("tuning_")} == {
        f"tuning_{plot}"
        for plot in ("history", "importances", "slices", "parallel", "pareto")
    }
