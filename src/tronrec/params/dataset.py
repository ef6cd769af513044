"""The whole parameter block of a data set."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tronrec.params.data import FilteringParams, IngestionParams, SimulationParams
from tronrec.params.experiment import ExperimentParams
from tronrec.params.measurement import BenchmarkParams, EvaluationParams
from tronrec.params.recommendation import RecommendationParams
from tronrec.params.refresh import RefreshParams
from tronrec.params.simulated_test import ReplayedTestParams, SimulatedTestParams
from tronrec.params.splitting import SplittingParams
from tronrec.params.strict import Params
from tronrec.params.system import SystemParams
from tronrec.params.tuning import TuningParams


class ParallelParams(Params):
    """The processes that train a model together: all draw the same negatives."""

    processes: int = Field(1, ge=1)
    """Processes on each machine; on GPUs, each has one of its own."""
    machines: int = Field(1, ge=1)
    """Machines that train together; each runs the same command."""
    rendezvous: str | None = None
    """`host:port` on one of the machines, by which they find each other."""

    @model_validator(mode="after")
    def _machines_can_meet(self) -> Self:
        if self.machines > 1 and self.rendezvous is None:
            raise ValueError(
                f"machines ({self.machines}) need a rendezvous; set it to host:port "
                "of one of them"
            )
        return self

    @property
    def workers(self) -> int:
        """Processes on all machines."""
        return self.processes * self.machines


class DatasetParams(SystemParams):
    """The whole parameter block of a data set, after its system was filled in."""

    system: str = "tron_plus"
    """What is trained: a name under `systems`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train and evaluate; `auto` takes a GPU if there is one."""
    parallel: ParallelParams = ParallelParams()
    ingestion: IngestionParams = IngestionParams()
    filtering: FilteringParams = FilteringParams()
    splitting: SplittingParams = SplittingParams()
    evaluation: EvaluationParams = EvaluationParams()
    recommendation: RecommendationParams = RecommendationParams()
    refresh: RefreshParams = RefreshParams()
    benchmark: BenchmarkParams = BenchmarkParams()
    tuning: TuningParams = TuningParams()
    simulation: SimulationParams = SimulationParams()
    experiment: ExperimentParams = ExperimentParams()
    simulated_test: SimulatedTestParams = SimulatedTestParams()
    replayed_test: ReplayedTestParams = ReplayedTestParams()

    @model_validator(mode="after")
    def _batches_can_be_divided(self) -> Self:
        workers, training = self.parallel.workers, self.training
        if workers > 1 and training.batches == "session_parallel":
            raise ValueError(
                f"parallel.processes, of all machines ({workers}), cannot divide "
                "training.batches (session_parallel); set them to 1, or the batches to "
                "whole_sessions"
            )
        if workers > training.batch_size:
            raise ValueError(
                f"parallel.processes, of all machines ({workers}), exceed "
                f"training.batch_size ({training.batch_size}); lower them or raise it"
            )
        return self
