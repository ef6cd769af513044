"""From raw files to clicks."""

from tronrec.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
