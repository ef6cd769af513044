"""The items of a model as the page shows them: title, picture, clicks and trend."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tronrec.answers import Id
from tronrec.errors import UserError
from tronrec.recommend import TrainedModel
from tronrec.schemas import ITEM, TITLE

PICTURE = "picture"


@dataclass(frozen=True)
class Item:
    """What is known of an item."""

    item: Id
    title: str | None
    picture: str | None
    clicks: int
    """In the training period."""
    trend: float | None
    """Its share of recent clicks by its share of all clicks; None: not part of the
    model's scores."""

    def to_record(self) -> dict[str, Any]:
        """Return the fields by their names."""
        return asdict(self)


def read_details(path: Path) -> pl.DataFrame:
    """Return ids as text, titles and pictures from a CSV or Parquet file.

    Raises:
        UserError: The file cannot be read, or lacks the id or the title.
    """
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
        else:
            table = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path}: no readable table of items ({error})") from error
    for name in (ITEM, TITLE):
        if name not in table.columns:
            raise UserError(
                f"{path}: no column {name}; its columns are {', '.join(table.columns)}"
            )
    if PICTURE not in table.columns:
        table = table.with_columns(pl.lit(None, pl.String).alias(PICTURE))
    return table.select(pl.col(ITEM, TITLE, PICTURE).cast(pl.String)).unique(
        ITEM, keep="first"
    )


class ItemFinder:
    """Finds a model's items by id or title."""

    def __init__(self, model: TrainedModel, details: pl.DataFrame | None) -> None:
        """Join the details to the model's items.

        Args:
            model: The model.
            details: As `read_details` returns them; None: there are only ids.
        """
        self._model = model
        self._items = pl.DataFrame({ITEM: model.item_ids.cast(pl.String)})
        self._titles: pl.Series | None = None
        if details is not None:
            self._items = self._items.join(
                details, on=ITEM, how="left", maintain_order="left"
            )
            self._titles = self._items[TITLE].str.to_lowercase()

    def search(self, text: str, limit: int) -> list[Item]:
        """Return items whose title has the text or whose id begins with it.

        The most clicked ones come first.
        """
        ids = self._items[ITEM]
        found = ids.str.starts_with(text)
        if self._titles is not None:
            titled = self._titles.str.contains(text.lower(), literal=True)
            found |= titled.fill_null(False)
        return [self._item(row) for row in found.arg_true()[:limit].to_list()]

    def look_up(self, ids: Iterable[str]) -> list[Item]:
        """Return what is known of items, by their ids as text; unknown ones lack."""
        rows = pl.DataFrame({ITEM: list(ids)}, {ITEM: pl.String}).join(
            self._items.select(ITEM).with_row_index("row"), on=ITEM
        )
        return [self._item(row) for row in rows["row"]]

    def _item(self, row: int) -> Item:
        known = self._items.row(row, named=True)
        return Item(
            self._model.item_ids[row],
            known.get(TITLE),
            known.get(PICTURE),
            int(self._model.item_counts[row]),
            self._model.trend_of(row + 1),
        )
