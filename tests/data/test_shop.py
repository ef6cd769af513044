"""The catalogue of the made-up shop."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tronrec.data.shop import (
    BRANDS,
    CELLS,
    KINDS,
    PRICES,
    describe_items,
    locate,
    open_shop,
)
from tronrec.params import SimulationParams
from tronrec.schemas import ITEM


@st.composite
def catalogues(draw: st.DrawFn) -> SimulationParams:
    categories = draw(st.integers(1, 8))
    return SimulationParams(
        categories=categories,
        items=categories * CELLS * draw(st.integers(1, 4)),
        substitutes=draw(st.integers(1, 6)),
        complements=draw(st.integers(1, 4)),
        seed=draw(st.integers(0, 2**32)),
    )


@settings(max_examples=50)
@given(params=catalogues())
def test_related_items_share_what_they_should(params: SimulationParams) -> None:
    shop = open_shop(params)
    assert sorted(shop.item_ids) == list(range(params.items))
    assert shop.related.shape == (params.items, params.substitutes + params.complements)
    category, brand, price = locate(shop)
    partners = {}
    for slot, related in enumerate(shop.related):
        alike, belonging = np.split(related, [params.substitutes])
        assert (category[alike] == category[slot]).all()
        assert (price[alike] == price[slot]).all()
        assert (brand[belonging] == brand[slot]).all()
        assert (price[belonging] == price[slot]).all()
        partners.setdefault(category[slot], set()).update(category[belonging])
    assert all(len(others) == 1 for others in partners.values())
    assert len(set.union(*partners.values())) == params.categories
    if params.categories > 1:
        assert all(own not in others for own, others in partners.items())


@settings(max_examples=50)
@given(params=catalogues(), part=st.floats(0, 0.999))
def test_items_are_found_where_they_lie(params: SimulationParams, part: float) -> None:
    shop = open_shop(params)
    category, brand, price = locate(shop)
    found = shop.find(category, brand, price, np.full(params.items, part))
    for column in (category, brand, price):
        assert (column[found] == column).all()
    assert set(brand) == set(range(len(BRANDS)))
    assert set(price) == set(range(len(PRICES)))


@settings(max_examples=50)
@given(data=st.data())
def test_a_category_may_have_fewer_items_than_brands(data: st.DataObject) -> None:
    items = data.draw(st.integers(2, 60))
    categories = data.draw(st.integers(1, items))
    shop = open_shop(SimulationParams(items=items, categories=categories))
    category, _, _ = locate(shop)
    assert (np.diff(category) >= 0).all()
    assert set(category) == set(range(categories))
    alike = shop.related[:, : SimulationParams().substitutes]
    assert (category[alike] == category[:, None]).all()


def test_a_title_tells_brand_price_and_kind() -> None:
    params = SimulationParams(items=300, categories=12)
    details = describe_items(params)
    assert sorted(details[ITEM]) == list(range(300))
    assert details["title"].n_unique() == 300
    shop = open_shop(params)
    slots = np.argsort(shop.item_ids)[details[ITEM].to_numpy()]
    located = zip(*(column[slots].tolist() for column in locate(shop)), strict=True)
    for title, (category, brand, price) in zip(details["title"], located, strict=True):
        assert title.split()[:3] == [BRANDS[brand], PRICES[price], KINDS[category]]
