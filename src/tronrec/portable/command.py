"""`tronrec export`: a model as an ONNX file, on the command line."""

from pathlib import Path

import click

from tronrec.errors import UserError


@click.command(name="export")
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="File of a trained model, data/06_models/<data set>/model.safetensors.",
)
@click.option(
    "--onnx",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="The ONNX file to write.",
)
@click.option("--k", default=20, show_default=True, help="Length of the lists.")
def export(model: Path, path: Path, k: int) -> None:
    """Write a model as an ONNX file, which needs no torch to recommend."""
    from tronrec.portable.export import export_model

    try:
        export_model(model, path, k)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Wrote {path}")
