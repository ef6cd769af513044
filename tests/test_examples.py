import polars as pl
import pytest

from reference.data import random_sessions
from reference.trained import ITEMS, make_file
from tronrec.errors import UserError
from tronrec.examples import EXAMPLES, SHOWN, draw_examples, find_titles
from tronrec.recommend import TrainedModel


def test_examples_are_sessions_and_what_the_model_recommends(tmp_path) -> None:
    file = make_file()
    sessions = random_sessions(3, sessions=30, num_items=ITEMS, longest=6)
    drawn = draw_examples(file, sessions, "cpu")
    assert len(drawn) == EXAMPLES
    path = tmp_path / "model.safetensors"
    file.checkpoint().save(path)
    model = TrainedModel.load(path, "cpu")
    for example in drawn:
        table = model.recommend([example["clicks"]], k=SHOWN)
        assert example["recommended"] == table["item"].to_list()


def test_titles_are_those_of_the_items_shown() -> None:
    drawn = [{"clicks": ["a", "b"], "target": "c", "recommended": ["d", "a"]}]
    details = pl.DataFrame(
        {
            "item_id": ["d", "a", "x", "c", "a"],
            "title": ["Hat", "Lamp", "Not shown", None, "Again"],
        }
    )
    assert find_titles(drawn, details) == {"a": "Lamp", "d": "Hat"}
    assert find_titles(drawn, pl.DataFrame()) == {}
    numbers = [{"clicks": [7], "target": 8, "recommended": []}]
    table = pl.DataFrame({"item_id": [8], "title": ["Hat"]})
    assert find_titles(numbers, table) == {"8": "Hat"}
    with pytest.raises(UserError, match="no column title, but item_id, name"):
        find_titles(drawn, pl.DataFrame({"item_id": ["a"], "name": ["Lamp"]}))
