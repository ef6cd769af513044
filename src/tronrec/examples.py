"""Some test sessions with what the model recommends before their last click."""

from typing import Any

import numpy as np

from tronrec.answers import Request
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.model_file import ModelFile
from tronrec.recommend import TrainedModel

EXAMPLES, SEED = 10, 0
SHOWN, CLICKS = 5, 8
"""Recommendations of an example, and clicks before its last that are kept."""


def draw_examples(
    file: ModelFile, sessions: PackedSessions, device: str
) -> list[dict[str, Any]]:
    """Return sessions drawn at random, in the shop's ids.

    Args:
        file: The model.
        sessions: Test sessions of at least two clicks.
        device: `cpu`, `cuda` or `auto`.

    Returns:
        For each: `clicks`, the newest last, `target`, the click after them, and
        `recommended`, the best first.
    """
    generator = np.random.default_rng(SEED)
    drawn = generator.permutation(len(sessions))[:EXAMPLES]
    ids = file.item_ids
    lists = [
        ids.gather(sessions.items[begin:end].astype(np.int64) - 1).to_list()
        for begin, end in zip(
            sessions.offsets[drawn], sessions.offsets[drawn + 1], strict=True
        )
    ]
    model = TrainedModel(file, choose_device(device))
    answers = model.answer([Request(clicks[:-1], k=SHOWN) for clicks in lists])
    return [
        {
            "clicks": clicks[:-1][-CLICKS:],
            "target": clicks[-1],
            "recommended": answer.items,
        }
        for clicks, answer in zip(lists, answers, strict=True)
    ]
