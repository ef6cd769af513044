"""From the clicks of live sessions to what each of them is recommended."""

from tronrec.pipelines.recommendation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
