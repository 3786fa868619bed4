# The project's chores. `make` alone lists them; every target makes or mends .venv by itself.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
NODE   ?= node

# Two stamps: what running needs, and what the tests need beside it.
RUNTIME := $(VENV)/.runtime-installed
DEV     := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up test test-fast torture lint types test-js format bench screenshots clean chromium postgresql node

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the environment -------------------------------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what running needs into $(VENV); the first time takes a minute or more."
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the tests need into $(VENV); the first time takes a minute or more."
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(RUNTIME) $@

# --- running ---------------------------------------------------------------------------------------------------------

demo: $(RUNTIME)  ## server, worker and four jobs to compare; EXIT=1 ends with the jobs, ARGS='...' is passed on
	@$(BIN)/hessianfree demo $(if $(filter-out 0,$(EXIT)),--exit) $(ARGS)

up: $(RUNTIME)  ## server and one local worker; ARGS='...' is passed on
	@$(BIN)/hessianfree up $(ARGS)

# --- checking --------------------------------------------------------------------------------------------------------

# pytest comes last: its closing line is the last line of all. tests/conftest.py says what its two processes share out.
test: lint types test-js chromium postgresql  ## everything, browser and PostgreSQL included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-fast: $(DEV)  ## the tests that need no browser, no PostgreSQL, no whole processes and no long series of cases; under a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m 'not system and not slow and not postgres'

torture: $(DEV)  ## kill things at random for a long time; TORTURE_FAULTS=300 TORTURE_SEED=2010
	TORTURE_FAULTS=$${TORTURE_FAULTS:-300} $(BIN)/python -m pytest tests/system/faults

lint: $(DEV)  ## ruff and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(DEV)  ## mypy --strict over the three packages
	$(BIN)/mypy

test-js: node  ## the dashboard's pure modules
	$(NODE) --test tests/web/*.test.js

format: $(DEV)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)  ## benchmarks; they print their figures
	@for script in $$(grep -l '^if __name__' benchmarks/*.py); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

screenshots: $(DEV) chromium  ## the browser tests alone; they leave their pictures in screenshots/
	$(BIN)/python -m pytest tests/system/browser

# --- what pip cannot install -----------------------------------------------------------------------------------------

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else \
	    echo "The browser tests need Chromium. On Debian: sudo apt-get install chromium" >&2; exit 1; \
	  fi

# Debian keeps its programs out of PATH. The cluster that the package makes is not used: tests start one of their own.
postgresql:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing PostgreSQL for the tests of the store."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	  else \
	    echo "The tests of the store need PostgreSQL. On Debian: sudo apt-get install postgresql" >&2; exit 1; \
	  fi

node:
	@command -v $(NODE) >/dev/null || \
	  { echo "The dashboard's own tests need Node.js 20 or newer: install nodejs, or name it: make NODE=/path/to/node" >&2; exit 1; }

clean:  ## remove the environment and all caches; recorded data stays
	rm -rf $(VENV) build dist screenshots .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find engine server web tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
