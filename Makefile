# `make` lists the targets. They create .venv first if they need it.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# If it is set, every Python process compiles Prefect again, which takes longer than running it.
unexport PYTHONDONTWRITEBYTECODE

UV_VERSION := 0.13.8

# Contents and tags of the images. VARIANT is cpu or cuda; EXTRAS are optional dependencies, such as dask,ray.
VARIANT ?= cpu
EXTRAS ?=
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
COMMIT = g$(shell git rev-parse --short=12 HEAD)$(shell git diff --quiet HEAD || echo .dirty)
SUFFIX = $(if $(filter-out cpu,$(VARIANT)),-$(VARIANT))
BUILD = docker build $(BUILD_FLAGS) --build-arg UV_VERSION=$(UV_VERSION) --build-arg VERSION=$(VERSION)+$(COMMIT)

# The settings of the containers. compose.yaml lists the variables. COMPOSE_FILE=compose.yaml:compose.redis.yaml starts
# several servers.
ENV ?= deployments/local.env
COMPOSE ?= $(if $(shell docker compose version 2>/dev/null),docker compose,docker-compose) --env-file $(ENV)
# The proxy for the Docker socket does not run as root, so it needs the group that may use Docker.
export DOCKER_GROUP ?= $(shell stat -c %g /var/run/docker.sock 2>/dev/null || echo 0)
# $(call setting,NAME,DEFAULT): a variable of the environment, else of the file, as in compose.yaml.
setting = $(or $($(1)),$(shell sed -n 's/^$(1)=//p' $(ENV) | tail -1 | tr -d "\"'"),$(2))
# Generated passwords, and files named like the secrets of deployments/secret_files.py.
SECRETS = $(abspath $(call setting,SIGHTLINE_SECRETS,data/secrets))
READ_SECRETS = mkdir -p -m 700 $(SECRETS) && docker run --rm --network none --read-only --cap-drop ALL --cap-add DAC_OVERRIDE \
    --user "$$(id -u):$$(id -g)" --volume $(SECRETS):$(SECRETS) --volume $(abspath $(ENV)):/run/input/env:ro \
    sightline-small:local python -m deployments.secret_files

BIN := .venv/bin
PYTHON := $(BIN)/python
UV := $(BIN)/uv
# Empty files whose timestamps record the last installation.
UV_INSTALLED := .venv/.uv-$(UV_VERSION)
LOCK_INSTALLED := .venv/.requirements-lock

.PHONY: help
help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(LOCK_INSTALLED) ## run the main flows on generated inputs and write pages of the results
	@$(PYTHON) -m demo

.PHONY: ui
ui: PORT ?= 4200
ui: $(LOCK_INSTALLED) ## start a local Prefect server with a form for every flow (PORT=4200)
	@PORT=$(PORT) $(PYTHON) -m deployments.serve

.PHONY: api
api: PORT ?= 8000
api: $(LOCK_INSTALLED) ## start the HTTP service, with a page to try it (PORT=8000)
	@PORT=$(PORT) $(PYTHON) -m api

.PHONY: images
images: ## build the Docker images (VARIANT=cuda for NVIDIA GPUs, EXTRAS=dask,ray)
	$(BUILD) --file docker/Dockerfile.small --tag sightline-small:$(VERSION)-$(COMMIT) --tag sightline-small:local .
	$(BUILD) --file docker/Dockerfile --build-arg VARIANT=$(VARIANT) --build-arg EXTRAS=$(EXTRAS) \
	    --tag sightline:$(VERSION)-$(COMMIT)$(SUFFIX) --tag sightline:local$(SUFFIX) .

.PHONY: lambda
lambda: ## build the image for AWS Lambda
	$(BUILD) --file docker/Dockerfile.lambda --tag sightline-lambda:$(VERSION)-$(COMMIT) --tag sightline-lambda:local .

.PHONY: image-tag
image-tag: # used by .github/workflows/deploy.yaml
	@echo $(VERSION)-$(COMMIT)

.PHONY: up
up: export SIGHTLINE_ENV_FILE = $(abspath $(ENV))
up: export SIGHTLINE_SECRETS := $(SECRETS)
up: export PREFECT_UI_URL := $(call setting,PREFECT_UI_URL,http://127.0.0.1:$(call setting,PREFECT_PORT,4200))
up: images ## start the complete system in containers, with a local stand-in for AWS (ENV=FILE for other settings)
	@SIGHTLINE_SECRETS_REVISION=$$($(READ_SECRETS) generate /run/input/env $(SECRETS) $$(compgen -e)); \
	export SIGHTLINE_SECRETS_REVISION; \
	$(COMPOSE) up --detach --remove-orphans $(if $(SERVERS),--scale server=$(SERVERS))
	@echo "Prefect: http://localhost:$(call setting,PREFECT_PORT,4200)  HTTP service: http://localhost:$(call setting,API_PORT,8000)"
	@if grep -qs '^COMPOSE_PROFILES=.*local' $(ENV); then \
	    echo "export AWS_ENDPOINT_URL=http://localhost:$(call setting,AWS_PORT,5000) AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"; \
	    echo "aws s3 cp clip.mp4 s3://videos/ana/"; fi

.PHONY: down
down: ## stop the system; stored data is preserved
	$(COMPOSE) stop worker housekeeper
	docker ps --all --quiet --filter network=$(call setting,SIGHTLINE_NETWORK,sightline) --filter label=io.prefect.flow-run-id \
	    | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
	$(COMPOSE) down --remove-orphans

.PHONY: test
test: $(LOCK_INSTALLED) ## run the tests (ARGS="-k voice" selects some)
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile --durations 10 -m "not docker and not soak" $(ARGS)

.PHONY: soak
soak: $(LOCK_INSTALLED) ## run the long tests: faults under load, end-to-end scenarios, Dask and Ray
	@# One process per file: some files start their own servers, but Prefect's client caches the first server.
	grep -rl --include='*.py' mark.soak tests | xargs -P 2 -I FILE bash -c \
	    'output=$$($(PYTHON) -m pytest --durations 5 -m soak FILE 2>&1) && code=0 || code=$$?; echo "$$output"; exit $$code'

.PHONY: stack
stack: $(LOCK_INSTALLED) ## build the images and test the complete system in containers
	$(PYTHON) -m pytest tests/docker --durations 10 -m "not chaos" --ignore tests/docker/test_redis.py

.PHONY: redis
redis: $(LOCK_INSTALLED) ## the same with two servers and Redis
	$(PYTHON) -m pytest tests/docker/test_redis.py --durations 10

.PHONY: chaos
chaos: CHAOS ?= long
chaos: $(LOCK_INSTALLED) ## break the system in containers and count what is lost (CHAOS=short, REPEAT=5, ARGS="-k review")
	CHAOS=$(CHAOS) REPEAT=$(REPEAT) $(PYTHON) -m pytest tests/docker/chaos --durations 0 $(ARGS)

.PHONY: lint
lint: $(LOCK_INSTALLED) ## check style, types, import layers and prefect.yaml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTHON) -m deployments.prefect_file --check

.PHONY: fix
fix: $(LOCK_INSTALLED) ## correct style and formatting, and generate prefect.yaml from flows/catalogue.py
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(PYTHON) -m deployments.prefect_file

.PHONY: docs
docs: $(LOCK_INSTALLED) ## build the documentation site into build/docs
	$(PYTHON) -m docs.site build/docs-source
	$(BIN)/zensical build --strict

.PHONY: bench
bench: $(LOCK_INSTALLED) ## run the benchmarks
	@for file in benchmarks/[!_]*.py; do name=$${file##*/}; $(PYTHON) -m benchmarks.$${name%.py}; done

.PHONY: setup
setup: $(LOCK_INSTALLED) ## create .venv with the locked dependencies

.PHONY: lock
lock: $(UV_INSTALLED) ## update requirements.lock (UPGRADE=1 for newer versions)
	$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --quiet --no-annotate --no-header \
	    $(if $(UPGRADE),--upgrade) -o requirements.lock

.PHONY: clean
clean: ## remove .venv, caches and the output of demo and benchmarks, but not ./data
	rm -rf .venv .*_cache .hypothesis build *.egg-info demo/out benchmarks/out
	find . -name __pycache__ -not -path './.git/*' -not -path './data/*' -prune -exec rm -rf {} +

$(LOCK_INSTALLED): $(UV_INSTALLED) requirements.lock pyproject.toml
	$(UV) pip sync --quiet --python $(PYTHON) requirements.lock
	$(UV) pip install --quiet --python $(PYTHON) --no-deps --editable .
	@$(PYTHON) -m flows.local_server
	@touch $@

# A name on PATH may be a version manager's shim that does not work, so each candidate is executed.
$(UV_INSTALLED):
	@for python in python3.11 python3.12 python3 python; do \
	    if $$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	        [ -x $(PYTHON) ] || $$python -m venv .venv; \
	        $(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	        touch $@; exit 0; \
	    fi; \
	done; \
	echo "sightline needs Python 3.11 or 3.12 with its venv module (Debian: apt install python3-venv)" >&2; exit 1
