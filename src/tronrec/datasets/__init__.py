"""Catalog datasets that kedro-datasets lacks."""

from tronrec.datasets.checkpoint import CheckpointDataset, CheckpointFolderDataset
from tronrec.datasets.event_log import EventLogDataset
from tronrec.datasets.lazy_frame import LazyFrameDataset
from tronrec.datasets.packed_sessions import PackedSessionsDataset
from tronrec.datasets.parts import PartsDataset
from tronrec.datasets.raw_log import RawLogDataset
from tronrec.datasets.record import RecordDataset
from tronrec.datasets.study_storage import StudyStorageDataset
from tronrec.datasets.whole_file import WholeFileDataset

__all__ = [
    "CheckpointDataset",
    "CheckpointFolderDataset",
    "EventLogDataset",
    "LazyFrameDataset",
    "PackedSessionsDataset",
    "PartsDataset",
    "RawLogDataset",
    "RecordDataset",
    "StudyStorageDataset",
    "WholeFileDataset",
]
