"""Every number of a run, in frozen models that refuse what they do not know.

The defaults are TRON XL-Negs of the paper (section 3); YAML and the command line state
differences only. `conf/base/parameters.yml` shows where each block is set.
"""

from tronrec.params.columns import Columns, IdType, TimeUnit
from tronrec.params.data import FilteringParams, IngestionParams, SimulationParams
from tronrec.params.dataset import DatasetParams, ParallelParams
from tronrec.params.experiment import ExperimentParams, MetricParams
from tronrec.params.measurement import Baseline, BenchmarkParams, EvaluationParams
from tronrec.params.ranking import RankingParams
from tronrec.params.recommendation import LARGEST_K, RecommendationParams, Search
from tronrec.params.refresh import RefreshParams
from tronrec.params.simulated_test import ReplayedTestParams, SimulatedTestParams
from tronrec.params.splitting import HeldOut, SplittingParams, parse_moment
from tronrec.params.strict import Params
from tronrec.params.system import (
    Granularity,
    LossParams,
    ModelParams,
    SamplingParams,
    SystemParams,
    TrainingParams,
)
from tronrec.params.tuning import (
    AS_CONFIGURED,
    Dimension,
    Scalar,
    Space,
    TuningParams,
)

__all__ = [
    "AS_CONFIGURED",
    "LARGEST_K",
    "Baseline",
    "BenchmarkParams",
    "Columns",
    "DatasetParams",
    "Dimension",
    "EvaluationParams",
    "ExperimentParams",
    "FilteringParams",
    "Granularity",
    "HeldOut",
    "IdType",
    "IngestionParams",
    "LossParams",
    "MetricParams",
    "ModelParams",
    "ParallelParams",
    "Params",
    "RankingParams",
    "RecommendationParams",
    "RefreshParams",
    "ReplayedTestParams",
    "SamplingParams",
    "Scalar",
    "Search",
    "SimulatedTestParams",
    "SimulationParams",
    "Space",
    "SplittingParams",
    "SystemParams",
    "TimeUnit",
    "TrainingParams",
    "TuningParams",
    "parse_moment",
]
