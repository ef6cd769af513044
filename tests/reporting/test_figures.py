from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from tronrec.reporting.figures import recall_curve


def history(
    validation: Sequence[float | None], test: Sequence[float | None]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "epoch": range(1, len(validation) + 1),
            "validation_recall@20": pl.Series(validation, dtype=pl.Float64),
            "test_recall@20": pl.Series(test, dtype=pl.Float64),
        }
    )


def lines(figure: go.Figure) -> dict[str, list[tuple[int, float]]]:
    return {line.name: list(zip(line.x, line.y, strict=True)) for line in figure.data}


def test_one_line_for_each_measured_part() -> None:
    figure = recall_curve({"tron_xl": history([0.1, 0.2], [0.3, 0.4])}, "otto")

    assert lines(figure) == {
        "TRON XL-Negs, validation": [(1, 0.1), (2, 0.2)],
        "TRON XL-Negs, test": [(1, 0.3), (2, 0.4)],
    }
    assert figure.layout.title.text == "Recall@20 after every epoch, otto"
    assert figure.layout.xaxis.title.text == "Epoch"
    assert figure.layout.yaxis.title.text == "Recall@20"


def test_epochs_without_a_measurement_are_left_out() -> None:
    figure = recall_curve({"mine": history([None, 0.2], [None, None])}, "otto")
    assert lines(figure) == {"mine, validation": [(2, 0.2)]}


def test_a_part_without_a_column_was_not_measured() -> None:
    measured = history([0.1, 0.2], [0.3, 0.4]).drop("test_recall@20")
    assert list(lines(recall_curve({"mine": measured}, "otto"))) == ["mine, validation"]


def test_systems_differ_in_colour_and_parts_in_dashes() -> None:
    both = history([0.1], [0.3])
    figure = recall_curve({"sasrec": both, "tron_l": both}, "otto")

    styles = [(line.line.color, line.line.dash) for line in figure.data]
    assert len(set(styles)) == 4
    assert styles[0][0] == styles[1][0] != styles[2][0]
    assert styles[0][1] == styles[2][1] != styles[1][1]


def test_epoch_ticks_are_whole_and_few() -> None:
    def step(epochs: int) -> float:
        measured = history([0.1] * epochs, [None] * epochs)
        return recall_curve({"tron_xl": measured}, "otto").layout.xaxis.dtick

    assert [step(epochs) for epochs in (1, 10, 11, 100)] == [1, 1, 2, 10]


def test_a_figure_without_measurements_says_so() -> None:
    figure = recall_curve({"tron_xl": history([None], [None])}, "otto")
    assert not figure.data
    assert figure.layout.annotations[0].text == "No epoch was measured"
