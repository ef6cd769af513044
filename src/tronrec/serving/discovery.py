"""Finds what runs have left to serve, where the command names nothing."""

from pathlib import Path

from tronrec.errors import UserError

DATA = Path("data")
"""The data roots of all environments are this folder or in it."""

MODELS = "06_models/*/model.safetensors"


def find_model(data: Path = DATA) -> Path:
    """Return the only model of a project.

    Raises:
        UserError: There is none, or there are several.
    """
    models = sorted((*data.glob(MODELS), *data.glob(f"*/{MODELS}")))
    if not models:
        raise UserError(
            f"no --model is named, and there is none in {data / '06_models'}: `tronrec "
            "run` trains one. Or give --model file or, for each group of a live test, "
            "--group name=file"
        )
    if len(models) > 1:
        names = "".join(f"\n  --model {model}" for model in models)
        raise UserError(f"no --model is named, and there are several; give one:{names}")
    return models[0]


def find_items(model: Path) -> Path | None:
    """Return the table of titles beside the raw log of a project's model, if any."""
    root, dataset = model.parents[2], model.parent.name
    items = root / "01_raw" / dataset / "item_details.parquet"
    return items if items.is_file() else None
