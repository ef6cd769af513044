"""The analysis of an online test: Figure 2, from the logs to what may be concluded."""

from tronrec.pipelines.experiment.pipeline import (
    create_pipeline,
    create_planning,
    create_replay,
    create_simulation,
)

__all__ = ["create_pipeline", "create_planning", "create_replay", "create_simulation"]
