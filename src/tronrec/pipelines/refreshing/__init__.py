"""From new clicks to a model that has gone on learning, or stays as it was."""

from tronrec.pipelines.refreshing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
