"""`tronrec` and `python -m tronrec`: the project's commands, and the service."""

import sys


def main() -> None:
    """Serve, or do what the command line says; without a command, run pipelines."""
    if sys.argv[1:2] == ["serve"]:
        from tronrec.serving.command import serve

        serve(sys.argv[2:], prog_name="tronrec serve")
    from kedro.framework.project import configure_project

    from tronrec.cli import cli

    configure_project("tronrec")
    cli(prog_name="tronrec")


if __name__ == "__main__":
    main()
