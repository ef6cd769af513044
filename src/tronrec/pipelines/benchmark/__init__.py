"""All systems on one data set under one protocol: Table 2 and Figure 1."""

from tronrec.pipelines.benchmark.pipeline import create_pipeline

__all__ = ["create_pipeline"]
