"""Tables, figure and record of a finished run."""

from tronrec.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
