# Two commands do all the set-up: `make serve` runs Domicile, `make test` runs every test.
# Needs Debian or Ubuntu with python3 (3.11 or newer) and make; no compiler and no root for `make serve`.
#
# IMAGING=simd  pillow-simd for the pixels, on x86_64, in an environment of its own: needs a C compiler and Python's headers
#               (docs/adr/0002). `make test IMAGING=simd` runs the golden table with it.

PYTHON ?= python3
IMAGING ?= pillow
ifeq ($(IMAGING),simd)
VENV   ?= .venv-simd
PYTEST_ARGS ?= tests/integration/test_golden.py
else
VENV   ?= .venv
endif
ARGS   ?=
BIN    := $(VENV)/bin
PYTEST_ARGS ?=
ENGINE := $(if $(filter simd,$(IMAGING)),sh tests/infra/system.sh build && $(BIN)/python deploy/simd.py,:)
# Processes that share the tests: more than cores, since a test of real components waits for most of its time, and eight at most,
# since each imports all tests. 0 runs them one after the other.
JOBS   ?= $(shell test $$(nproc) -lt 4 && expr 2 '*' $$(nproc) || echo 8)

.PHONY: serve install test lint types mutants bench fuzz soak docs clean system

serve: install
	$(BIN)/domicile serve $(ARGS)

install: $(VENV)/.installed

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@$(ENGINE)
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@$(ENGINE)
	touch $(VENV)/.installed $@

# The library for tokens is built from source. Without a compiler its tests skip (in CI they fail), and nothing else does.
$(VENV)/.pkcs11: $(VENV)/.test
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[pkcs11]' && touch $@ \
		|| echo "tests of PKCS#11 tokens will skip: python-pkcs11 could not be built" >&2

# Tests of real components need programs of the system; as root they are installed, else their tests skip and say how.
system:
	@sh tests/infra/system.sh

test:
	@$(MAKE) --no-print-directory -j 2 $(VENV)/.test system
	@$(MAKE) --no-print-directory $(VENV)/.pkcs11
	$(BIN)/python -m tests.run -n $(JOBS) $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md docs CONTRIBUTING.md SECURITY.md changes
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yml

mutants: $(VENV)/.test
	$(BIN)/python -m pytest -n $(JOBS) tests/mutants

bench: $(VENV)/.test system
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)

# Random input for ten minutes, or as long as ARGS='--seconds 60' says.
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz $(ARGS)

# Kills, overwrites and purges for ten minutes under an oracle, half of it without kills for the memory; then kills of the
# origin and of its database's server for ten minutes, half of it on each database; then what an erasure promises, for twenty
# minutes of partitions, kills, stops and failovers. ARGS='--minutes 2'.
soak: $(VENV)/.test
	REPLAY_EXAMPLES=400 REPLAY_STEPS=80 $(BIN)/python -m pytest -q -n0 -o timeout=3600 tests/replay/test_random.py
	$(BIN)/python -m tests.soak $(ARGS)
	$(BIN)/python -m tests.soak.kills $(ARGS)
	$(BIN)/python -m tests.chaos $(ARGS)

docs: $(VENV)/.test
	$(BIN)/python -m docs.generate

clean:
	rm -rf .venv .venv-simd .mypy_cache .ruff_cache .pytest_cache .hypothesis
