from hashlib import blake2b

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from tronrec.errors import UserError
from tronrec.experiment.assignment import Assignment

WEIGHTS = {"control": 2.0, "ssm": 1.0, "tron": 0.5}
ids = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.text(max_size=50))
)


def in_polars(assignment: Assignment, ids: list) -> list[str | None]:
    frame = pl.DataFrame({"visitor": ids}, strict=True)
    return frame.select(assignment.groups_of(pl.col("visitor"))).to_series().to_list()


@given(ids=ids, salt=st.text(min_size=1, max_size=16))
def test_polars_and_python_agree(ids: list, salt: str) -> None:
    assignment = Assignment(salt, WEIGHTS)
    if all(isinstance(visitor, str) for visitor in ids):
        ids = [visitor for visitor in ids if visitor]
    expected = [assignment.group(visitor) for visitor in ids]
    assert in_polars(assignment, ids or ["x"])[: len(ids)] == expected


def test_the_hash_is_a_known_one() -> None:
    """A service in another language can compute the group from these lines."""
    assignment = Assignment("spring", {"a": 1, "b": 3})
    for visitor in ("A-103/XL", "äöü", 17):
        digest = blake2b(str(visitor).encode(), digest_size=8, key=b"spring").digest()
        share = int.from_bytes(digest, "little") / 2**64
        assert assignment.group(visitor) == ("a" if share < 0.25 else "b")


def test_groups_stay_as_they_were_first_published() -> None:
    """Change this and every running experiment changes its visitors' groups."""
    assignment = Assignment("spring", {"a": 1, "b": 1, "c": 1})
    assert "".join(map(assignment.group, range(20))) == "ccacbcabacabaaccacac"


def test_a_number_and_its_digits_are_one_visitor() -> None:
    assignment = Assignment("spring", WEIGHTS)
    assert in_polars(assignment, list(range(99))) == in_polars(
        assignment, [str(visitor) for visitor in range(99)]
    )


def test_shares_are_the_weights() -> None:
    assignment = Assignment("spring", WEIGHTS)
    groups = pl.Series(in_polars(assignment, list(range(200_000))))
    counts = [groups.eq(group).sum() for group in WEIGHTS]
    expected = np.array(list(WEIGHTS.values())) / 3.5 * 200_000
    assert chisquare(counts, expected).pvalue > 1e-3


def test_salts_divide_independently() -> None:
    visitors = list(range(50_000))
    frame = pl.DataFrame(
        {
            salt: in_polars(Assignment(salt, {"a": 1, "b": 1}), visitors)
            for salt in ("spring", "spring2")
        }
    )
    table = frame.pivot(
        "spring2", index="spring", aggregate_function="len", values="spring2"
    )
    assert chi2_contingency(table.drop("spring").to_numpy()).pvalue > 1e-3


def test_a_visitor_without_an_id_has_no_group() -> None:
    assignment = Assignment("spring", WEIGHTS)
    assert in_polars(assignment, [None, "", "a"])[:2] == [None, None]
    assert in_polars(assignment, [None, 1])[0] is None


def test_groups_are_found_lazily_and_in_the_streaming_engine() -> None:
    assignment = Assignment("spring", WEIGHTS)
    frame = pl.LazyFrame({"visitor": range(1000)})
    query = frame.with_columns(group=assignment.groups_of(pl.col("visitor")))
    assert query.collect_schema()["group"] == pl.Enum(list(WEIGHTS))
    assert query.collect(engine="streaming").equals(query.collect())


@pytest.mark.parametrize(
    ("salt", "weights", "reason"),
    [
        ("", WEIGHTS, "salt '' has 0 bytes"),
        ("ä" * 33, WEIGHTS, "has 66 bytes; give it 1 to 64"),
        ("x", {"a": 1, "b": 0}, "weight of group 'b' \\(0\\) is not above 0"),
        ("x", {"a": float("nan")}, "weight of group 'a' \\(nan\\)"),
        ("x", {}, "no groups"),
    ],
)
def test_what_cannot_be_divided_is_refused(salt, weights, reason) -> None:
    with pytest.raises(UserError, match=reason):
        Assignment(salt, weights)


@pytest.mark.parametrize("visitor", [1.0, True, None, b"1", ""])
def test_ids_are_written_in_one_way_only(visitor) -> None:
    with pytest.raises(UserError, match="visitor id"):
        Assignment("spring", WEIGHTS).group(visitor)


def test_columns_of_other_types_are_refused() -> None:
    with pytest.raises(
        (UserError, pl.exceptions.ComputeError), match="visitor ids are Float64"
    ):
        in_polars(Assignment("spring", WEIGHTS), [1.0])
