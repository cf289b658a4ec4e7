# Two commands matter: `make run` plays every scenario, twice, and `make test` runs every check.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
CONTRACTS_VENV := .venv-contracts
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check

# What scenarios need; bytecode of our own packages is compiled here, pip does it for the others.
RUN_READY := $(VENV)/.run-ready
# What lint, types and tests need on top.
DEV_READY := $(VENV)/.dev-ready
CONTRACTS_READY := $(CONTRACTS_VENV)/.ready
CLIENTS_READY := tests/clients/node_modules/.ready

.PHONY: run test test-crash lint types unit contracts artifacts docs bench bench-chain \
	bench-product bench-simulator baseline clean

run: $(RUN_READY)
	$(BIN)/devnet run scenarios --twice -n auto

test: lint types unit contracts

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY)
	$(BIN)/mypy
	$(BIN)/mypy bench/product.py bench/websocket.py bench/scenarios.py bench/simulator.py

unit: $(DEV_READY) $(CLIENTS_READY)
	$(BIN)/pytest -n auto --dist loadfile

contracts: $(CONTRACTS_READY)
	$(CONTRACTS_VENV)/bin/ape test tests/contracts -c tests/contracts/pytest.ini

# 200 deaths of the real program by SIGKILL under load; `make unit` has a dozen of them.
test-crash: $(DEV_READY)
	rm -rf .build/crash && mkdir -p .build/crash
	$(BIN)/python -m tests.live.product_kills .build/crash $${SEED:-1} $${KILLS:-200}

# The method table of docs/chain.md, and the verbs as Python methods.
docs: $(DEV_READY)
	$(BIN)/python -m tests.docs.method_table
	$(BIN)/python -m tests.docs.python_verbs
	$(BIN)/python -m tests.docs.failure_table

# The figures of the README, on a quiet machine.
bench: $(RUN_READY)
	$(BIN)/python bench/scenarios.py

# The chain's figures, beside those of anvil and Hardhat where they are installed.
bench-chain: $(RUN_READY)
	$(BIN)/python bench/chain.py

# The product's figures: ledger, API, WebSocket, `devnet up`.
bench-product: $(RUN_READY)
	$(BIN)/python bench/product.py

# What the documented loop shows in each scenario.
baseline: $(RUN_READY)
	$(BIN)/python -c "from ztdx_devnet.explore import baseline; baseline.write()"

# The simulator's figures: scenarios, sweeps, a week of downtime.
bench-simulator: $(RUN_READY)
	$(BIN)/python bench/simulator.py
	$(BIN)/python bench/same_listener.py

# Compile the contracts again and write harness/ztdx_devnet/artifacts.
artifacts: $(CONTRACTS_READY)
	$(CONTRACTS_VENV)/bin/python contracts/artifacts.py write

$(RUN_READY): pyproject.toml requirements/run.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -r requirements/run.txt
	$(BIN)/python $(PIP) --no-deps --editable .
	$(BIN)/python -m compileall -q app harness
	touch $@

$(DEV_READY): $(RUN_READY) requirements/dev.txt
	$(BIN)/python $(PIP) -r requirements/dev.txt
	touch $@

$(CONTRACTS_READY): requirements/contracts.txt
	test -x $(CONTRACTS_VENV)/bin/python || $(PYTHON) -m venv $(CONTRACTS_VENV)
	$(CONTRACTS_VENV)/bin/python $(PIP) -r requirements/contracts.txt
	touch $@

$(CLIENTS_READY): tests/clients/package.json tests/clients/package-lock.json tests/clients/.npmrc
	cd tests/clients && npm ci --no-audit --no-fund --loglevel=error
	touch $@

clean:
	rm -rf tests/clients/node_modules
	rm -rf $(VENV) $(CONTRACTS_VENV) .build .mypy_cache .pytest_cache .ruff_cache
