"""From packed sessions to a trained model."""

from tronrec.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
