# Recado. `make` shows the targets; `make lint test` is what CI runs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
ONCE ?=
SUMMARY ?=
GATEWAY ?=
JSON ?=
ARGS ?=
export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint format bench chaos up down clean deps-system lock messages venv

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}'

$(STAMP): requirements/dev.txt pyproject.toml
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(STAMP)

demo: venv ## run the main job on the embedded stack with recorded traffic (ONCE=1 to the end, SUMMARY=path, GATEWAY=evolution)
	@$(BIN)/recado demo $(if $(ONCE),--once) $(if $(SUMMARY),--summary $(SUMMARY)) $(if $(GATEWAY),--gateway $(GATEWAY)) $(ARGS) \
	  || { code=$$?; [ $$code -eq 130 ] || exit $$code; } # interrupted: nothing failed

test: venv ## set everything up and run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-fast: venv ## the tests that need no broker, for daily work
	@$(BIN)/python -m pytest -m "not stack and not slow" -n 2 $(ARGS)

lint: venv ## ruff, mypy --strict, import contracts, message catalogues
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@if [ -d formatter/locale ]; then $(BIN)/python -m formatter.catalogues check; fi

format: venv ## let ruff format the tree
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: venv ## measure, with the floor beside each figure (JSON=path)
	@$(BIN)/python -m tests.bench $(if $(JSON),--json $(JSON)) $(ARGS)

chaos: venv ## many seeds of faults against the real stack (CHAOS_SEEDS=5 CHAOS_FAULTS=30 CHAOS_STORM_S=360)
	@CHAOS_SEEDS=$${CHAOS_SEEDS:-5} $(BIN)/python -m pytest -m chaos tests/chaos $(ARGS)

up: venv ## start PostgreSQL, Kafka and Connect as plain processes
	@$(BIN)/recado up $(ARGS)

down: venv ## stop what `make up` started
	@$(BIN)/recado down $(ARGS)

clean: ## stop the local stack and remove .recado/ and .venv/
	@if [ -x $(BIN)/recado ]; then $(BIN)/recado down --purge; fi
	@rm -rf .recado $(VENV) build *.egg-info

deps-system: venv ## install what is not from pip: clients from npm that prove emulators (into the cache)
	@$(BIN)/python -m tests.provider.npm

lock: venv ## pin requirements/*.in again, with hashes
	@for name in runtime stack dev; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header requirements/$$name.in -o requirements/$$name.txt; done

messages: venv ## extract the translatable texts and compile the catalogues
	@$(BIN)/python -m formatter.catalogues update
