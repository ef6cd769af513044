import pytest
from hypothesis import given
from hypothesis import strategies as st

from tronrec.reporting.paper import TABLE_1, TABLE_2, identify

Statistics = dict[str, dict[str, int]]


def counts(
    train: tuple[int, int, int], test: tuple[int, int], items: int = 1
) -> Statistics:
    return {
        "train": dict(zip(("sessions", "events", "items"), train, strict=True)),
        "test": dict(zip(("sessions", "events"), test, strict=True)) | {"items": items},
    }


PUBLISHED = {
    "Diginetica": [
        # As filtered by the publisher, and filtered once more.
        counts((186_670, 906_140, 43_097), (15_963, 76_821)),
        counts((185_979, 901_695, 41_969), (15_900, 76_395)),
    ],
    "Yoochoose": [counts((7_880_000, 31_575_000, 37_400), (15_300, 71_100))],
    "OTTO": [counts((12_899_779, 194_720_954, 1_800_000), (1_600_000, 12_340_303))],
}
SAMPLES = [
    counts((21_210, 83_846, 2_933), (2_000, 7_000)),
    counts((2_700, 65_392, 9_000), (300, 7_942)),
    counts((116_167, 486_026, 17_376), (15_324, 71_222)),
    counts((65_286, 416_554, 40_727), (1_027, 26_925)),
]


@pytest.mark.parametrize(
    ("title", "statistics"),
    [(title, found) for title, each in PUBLISHED.items() for found in each],
)
@pytest.mark.parametrize("name", ["shop", "otto"])
def test_the_papers_data_is_known_whatever_its_name(
    name: str, title: str, statistics: Statistics
) -> None:
    found = identify(name, statistics)
    assert found.title == title
    assert found.sizes == TABLE_1[title.lower()]
    assert found.results == TABLE_2[title.lower()]


@pytest.mark.parametrize("statistics", SAMPLES)
def test_samples_of_published_data_are_not_the_papers(statistics: Statistics) -> None:
    found = identify("yoochoose", statistics)
    assert found.title == "yoochoose (not the paper's clicks)"
    assert not found.sizes
    assert not found.results


def test_other_names_are_printed_as_they_are() -> None:
    assert identify("shop", SAMPLES[0]).title == "shop"


@given(
    st.sampled_from([found for each in PUBLISHED.values() for found in each]),
    st.sampled_from(
        [
            "train sessions",
            "train events",
            "train items",
            "test sessions",
            "test events",
        ]
    ),
    st.floats(0, 3).filter(lambda factor: not 0.7 <= factor <= 1.4),
)
def test_one_count_that_differs_makes_other_data(
    statistics: Statistics, place: str, factor: float
) -> None:
    part, name = place.split()
    other = {key: dict(values) for key, values in statistics.items()}
    other[part][name] = int(other[part][name] * factor)
    assert not identify("otto", other).results
