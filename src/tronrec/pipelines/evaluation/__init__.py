"""From a trained model to its metrics on the test sessions."""

from tronrec.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
