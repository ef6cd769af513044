"""From new clicks to a model that has gone on learning, or stays as it was."""

from kedro.pipeline import Node, Pipeline

from tronrec.pipelines import encoding, ingestion, splitting
from tronrec.pipelines.refreshing import nodes
from tronrec.pipelines.stages import as_stage


def create_pipeline() -> Pipeline:
    """Return the pipeline that refreshes the model in use.

    All on the way is named `refresh.…`: what a training has prepared and measured stays
    as it is. `former_model` is `model` as an earlier run left it.
    """
    stages = {
        "ingestion": ingestion.create_pipeline(),
        "preparation": _prepare(),
        "training": _train(),
        "replacement": _replace(),
    }
    return Pipeline(
        [as_stage(pipeline, name) for name, pipeline in stages.items()],
        tags="refreshing",
        namespace="refresh",
        inputs={"raw_log", "former_model"},
        outputs={"refresh_report", "model"},
        parameters={
            f"params:{name}"
            for name in (
                *("ingestion", "filtering", "splitting", "refresh", "system"),
                *("model", "sampling", "loss", "training", "ranking"),
                *("device", "parallel", "evaluation"),
            )
        },
    )


def _prepare() -> Pipeline:
    """Return the nodes from clicks to the sessions of the newest days.

    They are those of any preparation, without a test period.
    """
    window = Node(
        nodes.keep_window,
        inputs=["clicks", "params:filtering", "params:splitting", "params:refresh"],
        outputs=["filtered_clicks", "filtering_drops"],
        name="keep_window",
    )
    usual = splitting.create_pipeline() + encoding.create_pipeline()
    rest = usual.only_nodes(
        "hold_out_validation",
        "index_items",
        "encode_fit_sessions",
        "encode_validation_sessions",
    )
    return Pipeline([window]) + Pipeline(
        rest, inputs={"train_clicks": "filtered_clicks"}
    )


def _train() -> Pipeline:
    """Return the node that goes on from the model in use."""
    train = Node(
        nodes.train_on_window,
        inputs=[
            "params:model",
            "params:sampling",
            "params:loss",
            "params:training",
            "params:ranking",
            "params:refresh",
            "params:device",
            "params:parallel",
            "fit_sessions",
            "validation_sessions",
            "items",
            "former_model",
            "last_checkpoints",
        ],
        outputs=["history", "checkpoint"],
        name="train_on_window",
    )
    return Pipeline([train])


def _replace() -> Pipeline:
    """Return the node that decides which model is in use from now on."""
    replace = Node(
        nodes.replace_model,
        inputs=[
            "params:system",
            "former_model",
            "checkpoint",
            "fit_sessions",
            "validation_sessions",
            "items",
            "params:refresh",
            "params:evaluation",
            "params:device",
        ],
        outputs=["refresh_report", "model"],
        name="replace_model",
    )
    return Pipeline([replace])
