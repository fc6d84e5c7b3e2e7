# On a fresh Debian, Ubuntu or macOS: `make demo` talks to you, `make test` checks everything.
# With another Python than the first that is new enough: make clean, then make test PYTHON=/path/to/python3

export PYTHON
unexport PYTHONDONTWRITEBYTECODE # tests start hundreds of processes, each of which would compile the library anew
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
REQUIREMENTS := setup.py setup.cfg .ci/python .ci/system-packages

.PHONY: help setup setup-dev demo page test lint types bench soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

setup: .venv/.all ## what the library needs with all its extras, in .venv
setup-dev: .venv/.dev .venv/.sound-card .venv/.web

page: .venv/.samples ## a web page that talks, at http://127.0.0.1:5000
	@$(BIN)/python -m samples.flask_app

demo: setup ## a conversation on this machine, without a key or a network
	@$(BIN)/python -m reelthyme_sync demo

test: lint types ## lint, types, and every test but the soaks
	$(BIN)/python -m pytest -m "soundcard and not slow"
	$(BIN)/python -m pytest -m "not soundcard and not slow" -n 2

lint: setup-dev ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## mypy --strict
	$(BIN)/mypy

bench: setup-dev ## the measurements in tests/benchmarks
	@missed=0; for benchmark in tests/benchmarks/bench_*.py; do $(BIN)/python $$benchmark || missed=1; done; exit $$missed

soak: setup-dev ## the tests that take minutes; REELTHYME_SOAK_SECONDS=60 for a short trial
	$(BIN)/python -m pytest -m slow

clean: ## remove all that the other targets made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info

# The stamps below are what makes a second run immediate.

.venv/.python: .ci/python .ci/system-packages
	@.ci/system-packages build
	@echo "creating .venv with `.ci/python --version`"
	@.ci/python -m venv .venv
	@touch $@

.venv/.all: .venv/.python $(REQUIREMENTS)
	@echo "installing the library with all extras"
	@$(INSTALL) -e '.[all]'
	@touch $@

.venv/.samples: .venv/.all
	@echo "installing what the samples for the web need"
	@$(INSTALL) -e '.[samples]'
	@touch $@

.venv/.dev: .venv/.python $(REQUIREMENTS)
	@echo "installing the library with all extras and the tools of its development"
	@$(INSTALL) -e '.[dev]'
	@touch .venv/.all .venv/.samples $@

.venv/.sound-card: .venv/.python .ci/system-packages
	@.ci/system-packages sound-card
	@touch $@

.venv/.web: .venv/.python .ci/system-packages
	@.ci/system-packages web
	@touch $@
