# Everything starts from a fresh machine with Python 3.11+ and make: each target sets itself up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
RULES ?= $(CURDIR)/.data/rules
ARGS ?=
# Many tests wait for processes: two workers more than there are processors keep those busy.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
export UV_PROJECT_ENVIRONMENT := $(VENV)
# Tests start processes by the hundred: each finds its modules compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup rules demo test lint check bench differential crash simulate contract fuzz interop conformance-phase4 wheel fmt clean

help:  ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/.run rules  ## make .venv with what the gateway needs to run, and fetch the rules of Peppol

rules: $(VENV)/.run
	@$(BIN)/gateway rules install --rules-dir $(RULES) || echo "Documents are checked without what is not installed; run make setup again when the registries can be reached."
	@mkdir -p $(RULES) && touch $(RULES)/.tried

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made. On Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/.run: $(UV) uv.lock pyproject.toml
	@$(UV) sync --quiet --frozen --no-dev --inexact --extra pdf --extra saxon
	@touch $@

$(VENV)/.dev: $(UV) uv.lock pyproject.toml
	@$(UV) sync --quiet --frozen --all-extras
	@touch $@ $(VENV)/.run

# Tried once: an offline machine is not held up by each target.
$(RULES)/.tried: gateway/rules/catalogue.py | $(VENV)/.run
	@$(MAKE) --no-print-directory rules

demo: $(VENV)/.run $(RULES)/.tried  ## a whole Peppol network on this machine; ARGS="--once" ends after one invoice
	@GATEWAY_RULES_DIR=$(RULES) $(BIN)/gateway demo $(ARGS)

test: $(VENV)/.dev $(RULES)/.tried  ## every test, in random order
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.dev  ## format, lint, types and layers, without a test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint $(RULES)/.tried  ## what to run before a commit: lint, tidy, unit tests
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not system" $(ARGS)

bench: $(VENV)/.dev $(RULES)/.tried  ## CPU per message beside bare cryptography, per document checked beside Saxon; ARGS=--json
	@GATEWAY_RULES_DIR=$(RULES) $(BIN)/python -m tests.bench $(ARGS)

differential: $(VENV)/.dev  ## our rule engine beside Saxon on 20,000 odd documents; ARGS="--count 500 --seed 2 --json"
	@$(BIN)/python -m tests.rules $(ARGS)

crash: $(VENV)/.dev $(RULES)/.tried  ## kill gateways and databases under load; count what was lost, doubled or changed; ARGS="--rounds 30 --seed 1"
	@$(BIN)/python -m tests.crash $(ARGS)

simulate: $(VENV)/.dev  ## ten access points in virtual time, and everything goes wrong; ARGS="--schedules 100 --seed 1 --json"
	@$(BIN)/python -m tests.simulation $(ARGS)

contract: $(VENV)/.dev  ## Schemathesis asks the API what its description allows, and what it does not; ARGS="--seconds 600 --examples 200 --seed 1"
	@$(BIN)/python -m tests.contract $(ARGS)

fuzz: $(VENV)/.dev  ## atheris looks for inputs that break the readers; ARGS="--seconds 600 --seed 1 --target mime --json"
	@$(BIN)/python -m tests.fuzz $(ARGS)

interop: $(VENV)/.dev $(RULES)/.tried  ## messages to and from another implementation (JDK 17, Maven); ARGS=--json
	@$(BIN)/python -m tests.interop $(ARGS)

conformance-phase4: $(VENV)/.dev  ## the conformance suite pointed at another implementation; ARGS="--report DIR --suite as4 --json"
	@$(BIN)/python -m tests.interop.proving $(ARGS)

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
