# make run      serve the app            ARGS="--port 8000 --device cpu"
# make test     set everything up and run all checks
# make resolve  ask pip whether the requirements agree with a Space's torch and packages
# make test-long  the checks that are slow and rare
# make cuda     the checks that need a GPU, in the environment at hand; the others have a simulated one,
#               which is built once with a C++ compiler
# make audit    known weaknesses of what is installed, where the advisory database can be reached

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test test-long lint unit browser resolve cuda audit docs clean

run: $(VENV)/.run-ready
	$(BIN)/python app.py $(ARGS)

test: lint unit

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.test-ready browser
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder $(ARGS)

test-long: $(VENV)/.test-ready browser
	$(BIN)/python -m pytest -m long $(ARGS)

# A Chromium that is there already, else Debian's, else Playwright's own.
browser: $(VENV)/.test-ready
	$(BIN)/python tests/harness/chromium.py || tests/harness/install_chromium.sh $(BIN)/python

# What Hugging Face installs on a Space beside the requirements, with ZeroGPU's oldest and newest torch.
resolve: $(VENV)/.run-ready
	@for torch in 2.8 2.11; do \
	  echo "torch $$torch"; \
	  $(BIN)/python -m pip install --quiet --dry-run --ignore-installed --target $(VENV)/resolved \
	    --python-version 3.12 --only-binary=:all: -r requirements.txt "torch==$$torch.*" spaces \
	    "gradio[oauth,mcp]==$$(sed -n 's/^sdk_version: //p' README.md)" || exit 1; \
	done

cuda:
	$(PYTHON) -m pytest -m cuda $(ARGS)

audit: $(VENV)/.run-ready
	$(BIN)/python -m pip install --quiet 'pip-audit>=2.9,<3'
	$(BIN)/python tests/audit.py

docs: $(VENV)/.run-ready
	$(BIN)/python -m profiling columns > docs/csv.md

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' \
	  || { echo "error: Detach Lab needs Python 3.10 to 3.14; choose one with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.test-ready: tests/requirements.txt $(VENV)/.run-ready
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
