"""The search for better settings, on training and validation sessions only."""

from tronrec.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
