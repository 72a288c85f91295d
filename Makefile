# The two that matter: `make run` starts everything on this machine, `make test` tests everything.
# PYTHON=/path/to/python chooses the interpreter; without it the newest working one of 3.11 or later is taken.

PYTHON ?=
ZONEWEAVER_HOME ?= $(CURDIR)/var
export ZONEWEAVER_HOME
BIN := .venv/bin
PYTEST := $(BIN)/pytest
WORKERS ?= 2

.PHONY: help env run guests check test lint format bench soak docs requirements clean

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

env: ## make the environment in .venv, when it is not there or out of date
	@tools/environment "$(PYTHON)"

run: env ## run the lab host and the agent on it; ZONEWEAVER_HOME (./var) keeps everything
	@tools/guests offer
	@exec $(BIN)/zoneweaver lab run

lint: env ## style, types, and which room may import which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: env ## put the source into form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check: lint ## lint and the quick tests
	$(PYTEST) -n $(WORKERS) -m "not slow"

guests: env ## the programs and the template of real guests (as root): without them their tests are skipped
	tools/guests install
	$(BIN)/python -m labhost template build debian-12 --current

test: check ## everything: check, then the slow tests, with PostgreSQL, sshd, and real guests where they can be had
	tools/postgres install
	tools/sshd install
	-@$(MAKE) --no-print-directory guests
	$(PYTEST) -n $(WORKERS) -m slow

bench: env ## measure
	$(BIN)/python -m bench

soak: env ## a thousand deaths, ten thousand zones, recipes on a thousand bad lines (two hours), then the random walks of all tests, for hours
	SOAK_KILLS=1000 SOAK_CYCLES=10000 $(PYTEST) -n $(WORKERS) tests/lab/test_soak.py
	GUEST_RUNS=1000 GUEST_STRIDE=1 $(PYTEST) -n $(WORKERS) -m slow tests/guest/test_lossy_lines.py tests/lab/test_real_provisioning.py
	tools/postgres install
	tools/sshd install
	$(PYTEST) -n $(WORKERS) --hypothesis-profile=soak

docs: env ## check the documents: every link leads somewhere, every decision is in the index
	$(BIN)/python tools/documents

requirements: env ## pin again what pyproject.toml and requirements/dev.in ask for
	tools/pin

clean: ## remove what was made here, but not what runs left in var
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage docs/site
