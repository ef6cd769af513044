"""The pipelines as a map in the browser: Kedro-Viz, opened on the stages."""
