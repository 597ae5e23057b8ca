# Two commands for a newcomer: `make demo` and `make test`. Both make their own environment in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NPM := $(BIN)/python tests/labextension/npm.py
MODULES := labextension/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo test labextension soak lint bench pictures audit format clean

help:
	@echo "make demo          run a notebook cell as a job on an embedded colony, on this machine"
	@echo "make test          lint, types, contracts, and every test: unit, integration, notebooks, browser"
	@echo "make soak          faults, fuzzing and properties, about twenty times as many as in make test"
	@echo "make lint          ruff, mypy, the import contracts, tsc, eslint and prettier only"
	@echo "make format        let ruff, eslint and prettier format the code"
	@echo "make labextension  build the JupyterLab extension again; a reload of the page shows it"
	@echo "make pictures      take the pictures in docs/images again"
	@echo "make bench         measure, print the ratios, and write docs/figures.md from them"
	@echo "make audit         ask whether advisories concern what is installed (needs the network)"

# pip copies the built JupyterLab extension; a link in place of the copy shows what is built later. pip must not meet the
# link: it would write through it.
$(READY): pyproject.toml jupyter-config/pollinator_magic.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	rm -rf $(VENV)/share/jupyter/labextensions/pollinator-magic
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BIN)/jupyter-builder develop --overwrite .
	@touch $@

$(MODULES): labextension/package-lock.json labextension/package.json | $(READY)
	$(NPM) ci --loglevel=error
	@touch $@

demo: $(READY)
	$(BIN)/python example_notebooks/demo.py

lint: $(READY) $(MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run --silent lint

test: lint
	$(NPM) test --silent
	$(BIN)/python tests/labextension/rebuild.py
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python tests/tools.py
	$(BIN)/pytest -n auto --dist loadfile

labextension: $(MODULES)
	$(NPM) run --silent build:prod

SOAK ?= 20
soak: $(READY)
	POLLINATOR_SOAK=$(SOAK) $(BIN)/pytest -n auto --timeout 3600 tests/faults tests/fuzz tests/security tests/unit

bench: $(READY)
	$(BIN)/python -m benchmarks --keep

pictures: $(READY)
	$(BIN)/pytest tests/browser/labext/test_walk.py
	$(BIN)/python tests/browser/pictures.py

AUDIT := $(VENV)/audit
audit: $(READY)
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip freeze --exclude-editable > $(AUDIT)/installed.txt
	$(AUDIT)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off -r $(AUDIT)/installed.txt

format: $(READY) $(MODULES)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(NPM) run --silent format

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf labextension/node_modules labextension/lib labextension/tsconfig.tsbuildinfo
