"""Catalog datasets that kedro-datasets lacks."""

from tronrec.datasets.checkpoint import CheckpointDataset
from tronrec.datasets.lazy_frame import LazyFrameDataset
from tronrec.datasets.packed_sessions import PackedSessionsDataset
from tronrec.datasets.raw_log import RawLogDataset
from tronrec.datasets.record import RecordDataset

__all__ = [
    "CheckpointDataset",
    "LazyFrameDataset",
    "PackedSessionsDataset",
    "RawLogDataset",
    "RecordDataset",
]
