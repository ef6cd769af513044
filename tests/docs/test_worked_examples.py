"""The worked examples of the docs are patches: applied, they do what is said."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """
import numpy as np, torch
from tronrec.data.packed import PackedSessions
from tronrec.evaluation.ranking import rank_targets
from tronrec.params import SystemParams
from tronrec.training.loop import Trainer, TrainingSessions, fit

clicks = np.random.default_rng(0).integers(1, 9, 60).astype(np.int32)
sessions = PackedSessions(clicks, np.arange(0, 61, 5))
params = SystemParams.model_validate({
    "model": {"hidden_size": 8, "feed_forward": 8},
    "sampling": {"uniform": 6, "in_batch": 2, "top_k": 3},
    "training": {"epochs": 3, "batch_size": 6, "warmup_steps": 0},
    **CHOSEN,
})
trainer = Trainer(params, TrainingSessions(sessions, sessions, 8), torch.device("cpu"))
before = trainer.model.item_embeddings.clone()
list(fit(trainer))
assert not torch.equal(before, trainer.model.item_embeddings)
assert len(rank_targets(trainer.model, trainer.terms, sessions).ranks) == 48
"""

READ = """
import tempfile
from pathlib import Path
from tronrec.data.formats import FORMATS
from tronrec.data.reading.ingest import scan_events
from tronrec.data.reading.log import find_raw_log
from tronrec.data.reading.writers import write_raw_log
from tronrec.data.simulate import simulate_clicks
from tronrec.params import IngestionParams, SimulationParams

params = SimulationParams(sessions=50, items=30, categories=3)
with tempfile.TemporaryDirectory() as folder:
    write_raw_log(simulate_clicks(params), FORMATS["tabs"], Path(folder))
    log = find_raw_log(FORMATS["tabs"], folder)
    events = scan_events(log, IngestionParams()).collect()
    lines = (Path(folder) / "clicks.tsv").read_text().splitlines()
assert events.height == len(lines) > 100
"""


PAGE = Path(__file__).parents[2] / "docs" / "development.md"


@pytest.mark.parametrize(
    ("heading", "files", "use"),
    [
        ("A new loss", 2, 'CHOSEN = {"loss": {"name": "hinge"}}' + TRAIN),
        ("A new encoder", 3, 'CHOSEN = {"model": {"encoder": "mean"}}' + TRAIN),
        ("A new raw format", 1, READ),
    ],
)
def test_an_example_does_what_it_says(
    project: Path, tmp_path: Path, heading: str, files: int, use: str
) -> None:
    section = PAGE.read_text("utf-8").split(f"### {heading}\n")[1]
    patch = re.search(r"```diff\n(.*?)```", section, re.DOTALL)
    assert patch
    assert patch[1].count("diff --git") == files
    shutil.copytree(project / "src" / "tronrec", tmp_path / "src" / "tronrec")
    applied = subprocess.run(
        ["git", "apply", "--verbose", "-"],
        cwd=tmp_path,
        input=patch[1],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )
    assert applied.returncode == 0, applied.stderr
    used = subprocess.run(
        [sys.executable, "-c", use],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr
