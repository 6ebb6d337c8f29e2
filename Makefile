# Two commands do all set-up: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# More than there are cores: the system tests wait for clocks most of the time.
JOBS ?= 4

.PHONY: demo test compiled test-node lint bench soak clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(BIN)/connector demo

# Compiled files are kept, also where the environment says not to: without them each of the many processes of the tests
# compiles the program, and each test process the tests, anew. `compiled` does it once for all of them; what is wrong with
# the tests the last line tells.
test compiled: export PYTHONDONTWRITEBYTECODE =
test: $(STAMP)
	$(MAKE) --jobs 2 lint compiled
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q

compiled: $(STAMP)
	$(BIN)/pytest -q --collect-only -p no:xdist >/dev/null || true

lint: $(STAMP)
	$(BIN)/ruff check --quiet connector tests salesforce_metadata
	$(BIN)/mypy

# Opt-in, needs Node 20 or later with npm: converts the Salesforce package with Salesforce's own library.
test-node: $(STAMP)
	npm install --prefix tests/node --no-package-lock --no-audit --no-fund
	$(BIN)/pytest tests/node -q

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks

soak: $(STAMP)
	SOAK=1 $(BIN)/pytest tests/system/test_engine_machine.py tests/system/test_kill.py -q --timeout 0

# Of what is installed, only what is used gets compiled, when it is used first.
$(STAMP): pyproject.toml config/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --constraint config/constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .hypothesis tests/node/node_modules
