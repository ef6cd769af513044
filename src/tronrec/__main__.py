"""`tronrec` and `python -m tronrec`: what `kedro run` does, in the project's folder."""

from kedro.framework.project import configure_project

from tronrec.cli import run


def main() -> None:
    """Run the pipelines that the command line names."""
    configure_project("tronrec")
    run()


if __name__ == "__main__":
    main()
