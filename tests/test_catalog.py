import pytest

from tronrec.catalog import complete_catalog, find_datasets
from tronrec.errors import UserError

ENTRY = {"type": "tronrec.datasets.RawLogDataset", "format": "csv"}


def test_a_data_set_has_a_raw_log() -> None:
    catalog = {
        "shop.raw_log": ENTRY,
        "{dataset}.raw_log": ENTRY,
        "other.clicks": {},
        "raw_log": ENTRY,
        "Shop_2.raw_log": ENTRY,
    }
    assert find_datasets(catalog) == ("shop", "Shop_2")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("systems", "systems is a parameter of all data sets; choose another name"),
        ("raw_root", "raw_root is a parameter of all data sets"),
        ("2nd", "'2nd' is no name of a data set; use letters, digits and _"),
        ("a.b", "'a.b' is no name of a data set"),
        ("läden", "'läden' is no name of a data set"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name: str, problem: str) -> None:
    with pytest.raises(UserError) as error:
        find_datasets({f"{name}.raw_log": ENTRY})
    assert str(error.value).startswith(f"{name}.raw_log in the catalog: {problem}")


def test_live_sessions_lie_beside_the_raw_log_unless_stated() -> None:
    other = {"type": "other"}
    stated = {"a.raw_log": ENTRY, "b.raw_log": ENTRY, "b.live_log": other}
    stated |= {"c.raw_log": other, "d.raw_log": None}
    assert complete_catalog(stated) == stated | {"a.live_log": ENTRY | {"live": True}}
