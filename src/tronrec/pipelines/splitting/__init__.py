"""From clicks to training, validation and test clicks."""

from tronrec.pipelines.splitting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
