"""Preparation through the command line: killed, resumed, given bad and other logs."""

import json
import os
import random
import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from .conftest import Shop

KILLS = int(os.environ.get("TRONREC_KILLS", "2"))
"""More take longer: set the variable to 20 for the full test."""

SIZE = "otto.simulation.sessions=20000,otto.simulation.items=2000"
"""So many clicks that most kills hit a file that is being written."""


def prepare(raw: Path, *params: str, dataset: str = "otto") -> list[str]:
    listed = ",".join((f"raw_root={raw}", *params))
    return [f"--pipeline=prepare_{dataset}", f"--params={listed}"]


def contents(shop: Shop) -> dict[str, bytes]:
    """Return all files but the record of when each node ran, which differs."""
    kept = [name for name in shop.files() if not name.endswith("node_runs.json")]
    return {name: (shop.data / name).read_bytes() for name in kept}


def test_kills_at_random_moments_change_no_byte(open_shop) -> None:
    """Each run is killed twice, the second time as it resumes, and then resumed."""
    source, unbroken, killed = open_shop(), open_shop(), open_shop()
    raw = source.data / "01_raw"
    source.run("--pipeline=simulate_otto", f"--params={SIZE}")
    command = [*prepare(raw), "--only-missing-outputs"]
    started = time.monotonic()
    printed = unbroken.run(*command)
    whole = time.monotonic() - started
    (busy,) = re.findall(r"completed successfully in ([0-9.]+) sec", printed)
    theirs = contents(unbroken)
    for _ in range(KILLS // 2):
        for _ in range(2):
            process = killed.start(*command)
            time.sleep(whole - random.uniform(0, 1.2) * float(busy))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        killed.run(*command)
        ours = contents(killed)
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if ours[name] != theirs[name]] == []
        killed.clear()


def test_outputs_of_other_parameters_are_named(otto: Shop, open_shop) -> None:
    shop, raw = open_shop(), otto.data / "01_raw"
    shop.run(*prepare(raw))
    changed = prepare(raw, "otto.splitting.validation_days=2")
    printed = shop.run(*changed, "--only-missing-outputs")
    assert re.search(
        r"Other data or parameters have made otto\.train_clicks, .*otto\.fit_sessions.*"
        r"--from-nodes=otto\.splitting\.split_clicks,",
        printed,
    )
    assert "otto.filtered_clicks" not in printed.split("have made")[1]


def test_a_clicks_table_from_elsewhere_needs_no_raw_files(
    otto: Shop, open_shop
) -> None:
    shop, other = open_shop(), open_shop()
    shop.run(*prepare(otto.data / "01_raw"), "--to-outputs=otto.clicks")
    clicks = "02_intermediate/otto/clicks.parquet"
    (other.data / clicks).parent.mkdir(parents=True)
    (other.data / clicks).write_bytes((shop.data / clicks).read_bytes())
    resume = ["--pipeline=prepare_otto", "--from-inputs=otto.clicks"]
    other.run(*resume)
    assert "05_model_input/otto/fit_sessions.safetensors" in other.files()
    report = shop.data / "08_reporting/otto/ingestion_report.json"
    report.write_text(json.dumps({"clicks": 10}))
    assert "by ingestion_report the raw files became 10" in shop.fail(*resume)


def open_raw(shop: Shop, otto: Shop) -> Path:
    """Return raw files with the same content in another place."""
    folder = shop.data / "elsewhere" / "otto"
    folder.mkdir(parents=True)
    for file in (otto.data / "01_raw/otto").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder.parent


def test_bad_lines_are_set_aside_and_accounted_for(otto: Shop, open_shop) -> None:
    shop = open_shop()
    raw = open_raw(shop, otto)
    train = raw / "otto/otto-recsys-train.jsonl"
    lines = train.read_text().splitlines()
    lines[7] = lines[7][:50]
    train.write_text("\n".join(lines) + '\n{"session": 1, "ev')
    shop.run(*prepare(raw, "otto.ingestion.on_bad_rows=quarantine"))
    bad = pl.read_parquet(shop.data / "02_intermediate/otto/bad_lines.parquet")
    assert bad["line"].to_list() == [8, len(lines) + 1]
    reports = shop.data / "08_reporting/otto"
    read = json.loads((reports / "ingestion_report.json").read_text())
    assert read["train"]["bad_lines"] == 2
    assert read["train"]["events"] == sum(
        read["train"][name] for name in ("clicks", "carts", "orders", "other")
    )
    kept = json.loads((reports / "preparation_report.json").read_text())
    assert kept["filtering"]["clicks"] == read["clicks"]


@pytest.mark.parametrize("format", ["parquet"])
def test_any_log_is_a_data_set_by_configuration_alone(format: str, open_shop) -> None:
    shop = open_shop()
    folder = shop.data / "logs" / f"events.{format}"
    folder.mkdir(parents=True)
    begin = datetime(2024, 5, 1, tzinfo=UTC)
    days = range(12)
    table = pl.DataFrame(
        {
            "visit": [day * 7 + v for day in days for v in range(3) for _ in range(4)],
            "sku": [i for _ in days for v in range(3) for i in (1, 2, 3, v)],
            "at": [
                int(begin.timestamp()) + day * 86_400 + v * 60 + i
                for day in days
                for v in range(3)
                for i in range(4)
            ],
            "what": ["view", "view", "view", "buy"] * 36,
        }
    )
    write = {"jsonl": pl.DataFrame.write_ndjson, "parquet": pl.DataFrame.write_parquet}
    for number, part in enumerate(table.iter_slices(100)):
        write[format](part, folder / f"part-{number}")
    entry = {
        "type": "tronrec.datasets.RawLogDataset",
        "filepath": str(folder.parent),
        "format": format,
        "columns": {
            "session": "visit",
            "item": "sku",
            "time": "at",
            "time_unit": "s",
            "type": "what",
            "click": "view",
        },
    }
    catalog = yaml.safe_dump({"shop.raw_log": entry})
    (shop.conf / "tiny" / "catalog.yml").write_text(catalog)
    shop.run("--pipeline=prepare_shop")
    read = json.loads(
        (shop.data / "08_reporting/shop/ingestion_report.json").read_text()
    )
    assert (read["train"]["clicks"], read["train"]["other"]) == (108, 36)
    statistics = json.loads(
        (shop.data / "08_reporting/shop/statistics.json").read_text()
    )
    assert statistics["train"]["sessions"] == 14
    assert statistics["test"]["events"] == 66
