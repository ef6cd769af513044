"""A raw click log without a download."""

from tronrec.pipelines.simulation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
