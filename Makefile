# `make` lists the targets. Each one sets the project up first where that is needed.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

UV_VERSION := 0.13.8
PORT ?= 4200

BIN := .venv/bin
PYTHON := $(BIN)/python
UV := $(BIN)/uv
# Empty files that say what has been done, so that it is done again only when that changed.
UV_INSTALLED := .venv/.uv-$(UV_VERSION)
LOCK_INSTALLED := .venv/.requirements-lock

.PHONY: help
help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(LOCK_INSTALLED) ## run the main flows on a clip and pressure maps made on the spot, and show what came out
	@$(PYTHON) -m demo

.PHONY: ui
ui: $(LOCK_INSTALLED) ## start a local Prefect server with a form for every flow (PORT=4200)
	@PORT=$(PORT) $(PYTHON) -m deployments.serve

.PHONY: test
test: $(LOCK_INSTALLED) ## run the tests (ARGS="-m 'not slow'" for some of them)
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile --durations 10 $(ARGS)

.PHONY: lint
lint: $(LOCK_INSTALLED) ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: bench
bench: $(LOCK_INSTALLED) ## run the benchmarks
	@for file in benchmarks/[!_]*.py; do name=$${file##*/}; $(PYTHON) -m benchmarks.$${name%.py}; done

.PHONY: setup
setup: $(LOCK_INSTALLED) ## make .venv with the locked dependencies

.PHONY: lock
lock: $(UV_INSTALLED) ## resolve the dependencies again (UPGRADE=1 to take newer ones)
	$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --quiet --no-annotate --no-header \
	    $(if $(UPGRADE),--upgrade) -o requirements.lock

.PHONY: clean
clean: ## remove .venv, caches and what demo and benchmarks wrote, but not ./data
	rm -rf .venv .*_cache .hypothesis build *.egg-info demo/out benchmarks/out
	find . -name __pycache__ -not -path './.git/*' -not -path './data/*' -prune -exec rm -rf {} +

$(LOCK_INSTALLED): $(UV_INSTALLED) requirements.lock pyproject.toml
	$(UV) pip sync --quiet --python $(PYTHON) requirements.lock
	$(UV) pip install --quiet --python $(PYTHON) --no-deps --editable .
	@touch $@

# A name on PATH may be a version manager's shim that cannot run: only running it tells.
$(UV_INSTALLED):
	@for python in python3.11 python3.12 python3 python; do \
	    if $$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	        [ -x $(PYTHON) ] || $$python -m venv .venv; \
	        $(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	        touch $@; exit 0; \
	    fi; \
	done; \
	echo "sightline needs Python 3.11 or 3.12 with its venv module (Debian: apt install python3-venv)" >&2; exit 1
