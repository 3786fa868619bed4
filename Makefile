# The project's chores. `make` alone lists them; every target makes or mends .venv by itself.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
NODE   ?= node

# Two stamps: what running needs, and what the tests need beside it. Python compiles what it imports, when it does; to
# compile all of torch and the others at once takes pip as long as everything else together.
RUNTIME := $(VENV)/.runtime-installed
DEV     := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up test test-fast test-gpu torture lint types test-js format bench bench-gpu screenshots old-screenshots clean chromium postgresql fashion-mnist iproute2 programs node

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the environment -------------------------------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what running needs into $(VENV); the first time takes a minute or more."
	@$(PIP) install --quiet --no-compile --constraint constraints.txt --editable .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the tests need into $(VENV); the first time takes a minute or more."
	@$(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $(RUNTIME) $@

# --- running ---------------------------------------------------------------------------------------------------------

demo: $(RUNTIME)  ## server, worker and four jobs to compare; EXIT=1 ends with the jobs, ARGS='...' is passed on
	@$(BIN)/hessianfree demo $(if $(filter-out 0,$(EXIT)),--exit) $(ARGS)

up: $(RUNTIME)  ## server and one local worker; ARGS='...' is passed on
	@$(BIN)/hessianfree up $(ARGS)

# --- checking --------------------------------------------------------------------------------------------------------

# pytest comes last: its closing line is the last line of all. tests/conftest.py says what its two processes share out; a
# third one, on two cores, saves half a minute of nineteen.
# What comes before takes one core a step, so two steps go at a time, each one's output in one piece.
test: old-screenshots  ## everything, browser and PostgreSQL included
	@$(MAKE) --no-print-directory --jobs=2 --output-sync programs lint types test-js
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-fast: $(DEV)  ## the tests that need no browser, no PostgreSQL, no whole processes and no long series of cases; under a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m 'not system and not slow and not postgres'

# Those of every other target do without GPUs, also where there are some.
test-gpu: $(DEV)  ## the tests that need a GPU, in minutes: steps, jobs, memory, checkpoints to and from the CPU
	@$(BIN)/python -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else f"torch {torch.__version__} sees no GPU here.")'
	$(BIN)/python -m pytest -m gpu tests/gpu

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

# The other scripts of benchmarks/ measure one thing each; the page of docs/ that has its figures says how to run it.
bench: $(DEV)  ## speed of steps and products, the service's, and who is how fast on which problem: minutes on a CPU
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/service.py
	$(BIN)/python benchmarks/evidence.py

bench-gpu: $(DEV)  ## speed of steps and products, and who is how fast on problems of that size, on a GPU: hours
	$(BIN)/python benchmarks/speed.py --device cuda
	$(BIN)/python benchmarks/evidence.py --device cuda --trials 10 --scale 1

screenshots: $(DEV) chromium old-screenshots  ## the browser tests alone; they leave their pictures in screenshots/
	$(BIN)/python -m pytest tests/system/browser

# A picture that no test makes any more would stay, and show what is no more.
old-screenshots:
	@rm -f screenshots/*.png

# --- what pip cannot install -----------------------------------------------------------------------------------------

# The shell that Chromium brings for such use takes two thirds of the whole one's processor time for the same pages.
chromium:
	@command -v chromium-headless-shell >/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests."; \
	    apt-get update -qq && for each in chromium-headless-shell chromium; do \
	      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$each >/dev/null && break; \
	    done; \
	  else \
	    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	      { echo "The browser tests need Chromium. On Debian: sudo apt-get install chromium-headless-shell" >&2; exit 1; }; \
	  fi

# One after another: apt-get lets no second one in.
programs:
	@for each in chromium postgresql fashion-mnist iproute2; do $(MAKE) --no-print-directory $$each || exit 1; done

# Debian keeps its programs out of PATH. The cluster that the package makes is not used: tests start one of their own.
postgresql:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing PostgreSQL for the tests of the store."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	  else \
	    echo "The tests of the store need PostgreSQL. On Debian: sudo apt-get install postgresql" >&2; exit 1; \
	  fi

# Real images, 31 MB: readers of datasets are tested on them.
fashion-mnist:
	@test -d /usr/share/datasets/fashion-mnist || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Fashion-MNIST for the tests of datasets."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dataset-fashion-mnist >/dev/null; \
	  else \
	    echo "The tests of datasets need Fashion-MNIST. On Debian: sudo apt-get install dataset-fashion-mnist" >&2; exit 1; \
	  fi

# `ip` makes networks of the tests' own; that takes root, too.
iproute2:
	@command -v ip >/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing iproute2 for the tests of the network."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iproute2 >/dev/null; \
	  else \
	    echo "The tests of the network need iproute2. On Debian: sudo apt-get install iproute2" >&2; exit 1; \
	  fi

node:
	@command -v $(NODE) >/dev/null || \
	  { echo "The dashboard's own tests need Node.js 20 or newer: install nodejs, or name it: make NODE=/path/to/node" >&2; exit 1; }

clean:  ## remove the environment and all caches; recorded data stays
	rm -rf $(VENV) build dist screenshots .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find engine server web tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
