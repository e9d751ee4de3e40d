# Everything starts from a fresh machine with Python 3.11+ and make: each target sets itself up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
ARGS ?=
export UV_PROJECT_ENVIRONMENT := $(VENV)

.PHONY: help setup demo test check bench crash wheel fmt clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.run  ## make .venv with what the gateway needs to run

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made. On Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/.run: $(UV) uv.lock pyproject.toml
	@$(UV) sync --quiet --frozen --no-dev --inexact
	@touch $@

$(VENV)/.dev: $(UV) uv.lock pyproject.toml
	@$(UV) sync --quiet --frozen --all-extras
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## a whole Peppol network on this machine; ARGS="--once" ends after one invoice
	@$(BIN)/gateway demo $(ARGS)

test: $(VENV)/.dev  ## every test, in random order
	@$(BIN)/pytest -n auto $(ARGS)

check: $(VENV)/.dev  ## what to run before a commit: format, lint, types, layers, tidy, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -n auto -m "not system" $(ARGS)

bench: $(VENV)/.dev  ## CPU per message beside the bare cost of its cryptography; ARGS=--json
	@$(BIN)/python -m tests.bench $(ARGS)

crash: $(VENV)/.dev  ## kill gateways under load and count what was lost; ARGS="--rounds 30 --seed 1"
	@$(BIN)/python -m tests.crash $(ARGS)

wheel: $(VENV)/.dev  ## build dist/*.whl
	@rm -rf dist
	@$(BIN)/python -m build --quiet --wheel --no-isolation
	@ls dist/*.whl

fmt: $(VENV)/.dev  ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet . || true

clean:  ## remove what the other targets made
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
