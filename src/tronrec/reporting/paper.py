"""The figures that the paper prints (TRON, RecSys'23), kept as data beside ours."""

from typing import NamedTuple

LABELS = {
    "gru4rec_plus": "GRU4Rec+",
    "sasrec": "SASRec",
    "sasrec_m_negs": "SASRec M-Negs",
    "sasrec_l_negs": "SASRec L-Negs",
    "sasrec_bpr_max": "SASRec BPR-Max",
    "sasrec_ssm": "SASRec SSM",
    "tron_l": "TRON L-Negs",
    "tron_xl": "TRON XL-Negs",
    "tron_plus": "TRON+",
}
"""The systems as the paper writes them, and ours beyond it."""


class Counts(NamedTuple):
    """One part of a data set in Table 1, rounded as printed."""

    sessions: str
    events: str
    items: str = ""


TABLE_1 = {
    "diginetica": {
        "train": Counts("187k", "906k", "43k"),
        "test": Counts("18k", "87k"),
    },
    "yoochoose": {
        "train": Counts("7.9M", "31.6M", "37k"),
        "test": Counts("15k", "71k"),
    },
    # The paper prints 1,23M; the data set's own card counts 12,340,303 test clicks.
    "otto": {
        "train": Counts("12.9M", "194.7M", "1.8M"),
        "test": Counts("1.6M", "12.3M"),
    },
}
"""Data set and part -> sizes."""


class Result(NamedTuple):
    """One system on one data set in Table 2; epochs per hour on one V100."""

    recall: float
    mrr: float
    epochs_per_hour: float


TABLE_2 = {
    "diginetica": {
        "gru4rec_plus": Result(0.455, 0.144, 15.126),
        "sasrec": Result(0.454, 0.157, 94.533),
        "sasrec_m_negs": Result(0.464, 0.160, 93.581),
        "sasrec_l_negs": Result(0.467, 0.161, 48.247),
        "sasrec_bpr_max": Result(0.526, 0.175, 40.608),
        "sasrec_ssm": Result(0.516, 0.169, 46.364),
        "tron_l": Result(0.537, 0.182, 81.389),
        "tron_xl": Result(0.541, 0.182, 68.408),
    },
    "yoochoose": {
        "gru4rec_plus": Result(0.725, 0.310, 0.478),
        "sasrec": Result(0.573, 0.216, 2.573),
        "sasrec_m_negs": Result(0.607, 0.234, 2.603),
        "sasrec_l_negs": Result(0.571, 0.211, 1.245),
        "sasrec_bpr_max": Result(0.722, 0.297, 1.049),
        "sasrec_ssm": Result(0.722, 0.305, 1.268),
        "tron_l": Result(0.730, 0.299, 2.117),
        "tron_xl": Result(0.732, 0.302, 1.912),
    },
    "otto": {
        "gru4rec_plus": Result(0.443, 0.205, 0.019),
        "sasrec": Result(0.307, 0.180, 0.248),
        "sasrec_m_negs": Result(0.269, 0.142, 0.246),
        "sasrec_l_negs": Result(0.226, 0.114, 0.204),
        "sasrec_bpr_max": Result(0.377, 0.178, 0.194),
        "sasrec_ssm": Result(0.432, 0.201, 0.209),
        "tron_l": Result(0.460, 0.212, 0.233),
        "tron_xl": Result(0.472, 0.219, 0.227),
    },
}
"""Data set -> system -> Recall@20, MRR@20 and speed."""
