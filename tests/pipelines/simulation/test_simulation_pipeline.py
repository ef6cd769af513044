import polars as pl
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from polars.testing import assert_frame_equal

from tronrec.data.simulate import simulate_clicks
from tronrec.params import SimulationParams
from tronrec.pipelines.simulation import create_pipeline


def test_the_raw_log_is_saved_once_and_as_a_stream() -> None:
    params = SimulationParams(sessions=10_000, items=100, categories=5)
    catalog = DataCatalog(
        {
            "params:simulation": MemoryDataset(params),
            "raw_log": MemoryDataset(copy_mode="assign"),
        }
    )
    SequentialRunner().run(create_pipeline(), catalog)
    frames = list(catalog.load("raw_log"))
    assert len(frames) == 2
    assert_frame_equal(pl.concat(frames), pl.concat(simulate_clicks(params)))


def test_the_pipeline_needs_parameters_only() -> None:
    assert create_pipeline().inputs() == {"params:simulation"}
    assert create_pipeline().outputs() == {"raw_log", "item_details"}
