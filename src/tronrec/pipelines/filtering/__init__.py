"""From all clicks to those of sessions and items that are kept."""

from tronrec.pipelines.filtering.pipeline import create_pipeline

__all__ = ["create_pipeline"]
