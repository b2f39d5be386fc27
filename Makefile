# Two commands do all the set-up: `make serve` runs Domicile, `make test` runs every test.
# Needs Debian or Ubuntu with python3 (3.11 or newer) and make; no compiler and no root for `make serve`.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
BIN    := $(VENV)/bin
PYTEST_ARGS ?=

.PHONY: serve install test lint types mutants bench docs clean system

serve: install
	$(BIN)/domicile serve $(ARGS)

install: $(VENV)/.installed

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	touch $@

# Tests of real components need programs of the system; as root they are installed, else their tests skip and say how.
system:
	@sh tests/infra/system.sh

test: $(VENV)/.test system
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md docs CONTRIBUTING.md SECURITY.md changes
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yml

mutants: $(VENV)/.test
	$(BIN)/python -m pytest tests/mutants

bench: $(VENV)/.test system
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.test
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
