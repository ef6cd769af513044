"""`tronrec` and `python -m tronrec`: what `kedro run` does, and the service."""

import sys


def main() -> None:
    """Serve, or run the pipelines that the command line names."""
    if sys.argv[1:2] == ["serve"]:
        from tronrec.serving.command import serve

        serve(sys.argv[2:], prog_name="tronrec serve")
    from kedro.framework.project import configure_project

    from tronrec.cli import run

    configure_project("tronrec")
    run()


if __name__ == "__main__":
    main()
