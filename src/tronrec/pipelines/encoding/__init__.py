"""From clicks to the item index and packed sessions."""

from tronrec.pipelines.encoding.pipeline import create_pipeline

__all__ = ["create_pipeline"]
