"""Catalog datasets that kedro-datasets lacks."""

from tronrec.datasets.checkpoint import CheckpointDataset
from tronrec.datasets.lazy_frame import LazyFrameDataset
from tronrec.datasets.packed_sessions import PackedSessionsDataset
from tronrec.datasets.raw_log import RawLogDataset

__all__ = [
    "CheckpointDataset",
    "LazyFrameDataset",
    "PackedSessionsDataset",
    "RawLogDataset",
]
