"""`tronrec` and `python -m tronrec`: the project's commands, service and export."""

import sys


def main() -> None:
    """Serve, or do what the command line says; without a command, run pipelines."""
    match sys.argv[1:2]:
        case ["serve"]:
            from tronrec.serving.command import serve

            serve(sys.argv[2:], prog_name="tronrec serve")
        case ["init"]:
            from tronrec.starter.command import init

            init(sys.argv[2:], prog_name="tronrec init")
        case ["export"]:
            from tronrec.portable.command import export

            export(sys.argv[2:], prog_name="tronrec export")
        case _:
            from kedro.framework.project import configure_project

            from tronrec.cli import cli

            configure_project("tronrec")
            cli(prog_name="tronrec")


if __name__ == "__main__":
    main()
