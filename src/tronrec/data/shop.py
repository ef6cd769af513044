"""The made-up shop that simulated visitors look around in, and the titles of its items.

An item is of a category, a brand and a price level; a *cell* is what these have in
common. Every item has substitutes, of the same category and price, and complements, of
the same brand and price in another category.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tronrec.params import SimulationParams
from tronrec.schemas import ITEM, TITLE

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BRANDS = "Alder", "Birk", "Cormo", "Dovre", "Elva"
PRICES = "basic", "solid", "fine", "luxury"
CELLS = len(BRANDS) * len(PRICES)
KINDS = (
    *("lamp", "chair", "bowl", "coat", "bag", "watch", "rug", "shelf", "cup", "shirt"),
    *("tent", "pan", "bike", "desk", "clock", "vase", "scarf", "kettle", "sofa", "hat"),
)
"""Of made-up titles: an item's kind is that of its category."""


@dataclass(frozen=True)
class Shop:
    """The catalogue: an item has a slot in it, and a category is a run of slots.

    Brands lie behind one another in a category, price levels in a brand, items in a
    cell.
    """

    bounds: Ints  # [categories + 1]
    related: Ints  # [items, substitutes + complements] slots, the likeliest first
    item_ids: Ints  # [items]

    def find(self, category: Ints, brand: Ints, price: Ints, part: Floats) -> Ints:
        """Return the slots of items.

        Args:
            category: The category of each.
            brand: Its number among `BRANDS`.
            price: Its number among `PRICES`.
            part: Where in its cell it lies, from 0 up to 1.
        """
        size = np.diff(self.bounds)[category]
        place = (brand * len(PRICES) + price + part) * size / CELLS
        rank = np.minimum(place.astype(np.int64), size - 1)
        slots: Ints = self.bounds[category] + rank
        return slots


def open_shop(params: SimulationParams) -> Shop:
    """Draw the catalogue; item ids tell neither category nor popularity."""
    rng = np.random.default_rng([params.seed, 0])
    bounds = np.linspace(0, params.items, params.categories + 1).astype(np.int64)
    shop = Shop(bounds, np.empty(0, np.int64), rng.permutation(params.items))
    related = _relate(rng, params, shop)
    return Shop(bounds, related, shop.item_ids)


def _relate(rng: Generator, params: SimulationParams, shop: Shop) -> Ints:
    """Draw the substitutes and the complements of every item."""
    category, brand, price = locate(shop)
    circle = rng.permutation(params.categories)
    goes_with = np.empty_like(circle)
    goes_with[circle] = np.roll(circle, 1)
    alike = [
        shop.find(category, any_brand, price, rng.random(params.items))
        for any_brand in rng.integers(
            len(BRANDS), size=(params.substitutes, params.items)
        )
    ]
    belonging = [
        shop.find(goes_with[category], brand, price, rng.random(params.items))
        for _ in range(params.complements)
    ]
    return np.stack(alike + belonging, axis=1)


def locate(shop: Shop) -> tuple[Ints, Ints, Ints]:
    """Return the category, the brand and the price level of every slot."""
    sizes = np.diff(shop.bounds)
    category = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.arange(len(category)) - shop.bounds[category]
    cell = rank * CELLS // sizes[category]
    return category, cell // len(PRICES), cell % len(PRICES)


def describe_items(params: SimulationParams) -> pl.DataFrame:
    """Return a title for each item, of its brand, price level and kind."""
    shop = open_shop(params)
    titles = [
        f"{BRANDS[brand]} {PRICES[price]} {KINDS[category % len(KINDS)]} {slot}"
        for slot, (category, brand, price) in enumerate(
            zip(*(column.tolist() for column in locate(shop)), strict=True)
        )
    ]
    return pl.DataFrame({ITEM: shop.item_ids, TITLE: titles})
