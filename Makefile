# Everything runs in .venv, which is made with Python 3.11 and the versions pinned in
# constraints.txt. A stamp file per set of packages tells when to install again.

PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV ?= .venv
BIN := $(VENV)/bin
KEDRO := $(BIN)/kedro
STUDY ?= sqlite:///data/sample/06_models/otto/tuning/study.db
TRACKING ?= sqlite:///data/mlflow/mlflow.db
MODEL ?= data/sample/06_models/otto/model.safetensors
RAW_SAMPLE := data/sample/01_raw/otto/otto-recsys-train.jsonl
REPORT ?= data/sample/08_reporting/otto/report.html
ITEMS ?= data/sample/01_raw/otto/item_details.parquet

RAW ?= data/01_raw
SEED ?= 0
SPLITS := diginetica yoochoose_1_64 tmall
SEEDS := systems.tron_plus.training.seed=$(SEED),systems.tron_xl.training.seed=$(SEED)

# Kedro would report usage, and write an id into pyproject.toml.
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help run serve test test-spark lint bench splits viz viz-build screenshots dashboard \
	mlflow notebooks docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.base $(RAW_SAMPLE)  ## Simulate clicks, train TRON on them, evaluate, report
	$(KEDRO) run --env=sample --pipelines=train_otto

serve: $(VENV)/.serve  ## Recommend over HTTP with the model of make run: MODEL=file ITEMS=file
	$(BIN)/tronrec serve --model $(MODEL) --items $(ITEMS)

test: $(VENV)/.dev  ## Run all tests, a file on each CPU
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

test-spark: $(VENV)/.spark  ## Compare Spark with Polars, on a local Spark: needs Java 17
	PYTHONPATH=$(VENV)/spark $(BIN)/pytest tests/data/test_spark_engine.py

lint: $(VENV)/.dev  ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.serve  ## Time training and evaluation on this machine, in ratios
	$(BIN)/python benchmarks/run.py $(BENCH)

splits: $(VENV)/.base  ## Compare TRON+ and TRON XL on public splits: RAW=folder SEED=0, a night
	for data in $(SPLITS); do \
		$(KEDRO) run --env=splits --pipelines=benchmark_$$data --params=raw_root=$(RAW),$(SEEDS) || exit; \
	done

viz: $(VENV)/.viz  ## Browse the pipelines of the sample in Kedro-Viz
	$(BIN)/tronrec graph otto --env=sample

viz-build: $(VENV)/.viz  ## Write the same as a static site, to build/
	$(BIN)/tronrec graph otto --env=sample --no-serve

dashboard: $(VENV)/.tune  ## Browse the study of the sample, or another: STUDY=url
	$(BIN)/optuna-dashboard $(STUDY)

screenshots: viz-build  ## Renew pictures of the docs from the last make run: needs Chromium
	$(BIN)/python docs/screenshots.py --graph build --report $(REPORT)

mlflow: $(VENV)/.mlflow  ## Browse the runs that went to MLflow (docs/runs.md)
	$(BIN)/mlflow ui --backend-store-uri $(TRACKING)

notebooks: $(VENV)/.notebooks  ## Run the notebooks, and renew their pages: minutes
	$(BIN)/python docs/run_notebooks.py

docs: $(VENV)/.docs  ## Build the documentation, to site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:  ## Remove everything that make has made
	rm -rf $(VENV) build site data/sample
	rm -rf .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(RAW_SAMPLE): | $(VENV)/.base
	$(KEDRO) run --env=sample --pipelines=simulate_otto

INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/.dev $(VENV)/.serve $(VENV)/.viz $(VENV)/.tune $(VENV)/.mlflow $(VENV)/.notebooks \
$(VENV)/.docs: $(VENV)/.%: $(VENV)/.base
	$(INSTALL) --editable ".[$*]"
	touch $@

# Spark takes half a gigabyte, so it lies beside the packages that all else needs.
$(VENV)/.spark: $(VENV)/.dev
	$(INSTALL) --upgrade --target $(VENV)/spark pyspark
	touch $@
