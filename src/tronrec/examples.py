"""Some test sessions with what the model recommends before their last click."""

from typing import Any

import numpy as np
import polars as pl

from tronrec.answers import Request
from tronrec.data.packed import PackedSessions
from tronrec.device import choose_device
from tronrec.errors import UserError
from tronrec.model_file import ModelFile
from tronrec.recommend import TrainedModel
from tronrec.schemas import ITEM, TITLE

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


def find_titles(
    examples: list[dict[str, Any]], details: pl.DataFrame
) -> dict[str, str]:
    """Return the titles of the items in examples, by their ids as text.

    Args:
        examples: As `draw_examples` returns them.
        details: `item_id` and `title`; it may be empty.

    Raises:
        UserError: A column is missing.
    """
    if details.is_empty():
        return {}
    for name in (ITEM, TITLE):
        if name not in details.columns:
            columns = ", ".join(details.columns)
            raise UserError(f"item_details has no column {name}, but {columns}")
    shown = {
        str(item)
        for example in examples
        for item in (*example["clicks"], example["target"], *example["recommended"])
    }
    texts = details.select(pl.col(ITEM, TITLE).cast(pl.String))
    rows = texts.filter(pl.col(ITEM).is_in(shown), pl.col(TITLE).is_not_null())
    return dict(sorted(rows.unique(ITEM, keep="first").rows()))
