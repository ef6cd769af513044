"""The item index."""

from collections import Counter

from hypothesis import given, settings

from reference.clicks import Log, logs, table
from tronrec.data.encoding import index_items
from tronrec.schemas import COUNT, INDEX, ITEM, ITEMS


@settings(max_examples=50)
@given(log=logs())
def test_items_are_numbered_from_one_by_clicks_then_id(log: Log) -> None:
    items = index_items(table(log))
    counts = Counter(click.item for click in log)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert items.schema == ITEMS
    assert items[INDEX].to_list() == list(range(1, len(counts) + 1))
    assert list(zip(items[ITEM], items[COUNT], strict=True)) == ranked
