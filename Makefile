# Two commands for a newcomer: `make demo` and `make test`. Both make their own environment in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint bench audit format clean

help:
	@echo "make demo    run a notebook cell as a job on an embedded colony, on this machine"
	@echo "make test    lint, types, contracts, and every test: unit, integration, notebooks, browser"
	@echo "make soak    faults, fuzzing and properties, about twenty times as many as in make test"
	@echo "make lint    ruff, mypy and the import contracts only"
	@echo "make bench   measure, print the ratios, and write docs/figures.md from them"
	@echo "make audit   ask whether advisories concern what is installed (needs the network)"
	@echo "make format  let ruff format the code"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(READY)
	$(BIN)/python example_notebooks/demo.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/pytest -n auto --dist loadfile

SOAK ?= 20
soak: $(READY)
	POLLINATOR_SOAK=$(SOAK) $(BIN)/pytest -n auto --timeout 3600 tests/faults tests/fuzz tests/security tests/unit

bench: $(READY)
	$(BIN)/python -m benchmarks --keep

AUDIT := $(VENV)/audit
audit: $(READY)
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip freeze --exclude-editable > $(AUDIT)/installed.txt
	$(AUDIT)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off -r $(AUDIT)/installed.txt

format: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
