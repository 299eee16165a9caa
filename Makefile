# make run      serve the app            ARGS="--port 8000 --device cpu"
# make test     set everything up and run all checks
#               Both take the torch of constraints.txt, or another one: TORCH=2.15.0
# make versions   the measuring tests under the oldest and the newest torch  VERSIONS="2.9 newest"
# make resolve  ask pip whether the requirements agree with a Space's torch and packages
# make test-long  the checks that are slow and rare
# make cuda     the checks that need a GPU, in the environment at hand; the others have a simulated one,
#               which is built once with a C++ compiler
# make audit    known weaknesses of what is installed, where the advisory database can be reached

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Another torch than the one that was tested.
TORCH ?=
CHOSEN := $(if $(TORCH),torch==$(TORCH),-c constraints.txt)
OLDEST := $(shell sed -n 's/^torch>=\([0-9.]*\),.*/\1/p' requirements.txt)
# The newest is the newest that pip can get.
VERSIONS ?= $(OLDEST) newest
MEASURING := tests/demos/lessons tests/profiling/catalogue tests/profiling/engine \
  tests/profiling/graphs tests/profiling/measure tests/profiling/traces

.PHONY: run test test-long lint unit browser versions resolve cuda audit docs clean FORCE

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

test-long: $(VENV)/.long-ready browser
	$(BIN)/python -m pytest -m long $(ARGS)

# A Chromium that is there already, else Debian's, else Playwright's own.
browser: $(VENV)/.test-ready
	$(BIN)/python tests/harness/chromium.py || tests/harness/install_chromium.sh $(BIN)/python

versions: $(VERSIONS:%=.venv-versions/%/.ready)
	@failed=; for each in $(VERSIONS); do \
	  python=.venv-versions/$$each/bin/python; \
	  $$python -c 'import platform, torch; print(f"Python {platform.python_version()}, torch {torch.__version__}")'; \
	  $$python -m pytest -n 2 --no-loadscope-reorder $(MEASURING) $(ARGS) || failed="$$failed $$each"; \
	done; [ -z "$$failed" ] || { echo "error: tests failed under torch:$$failed"; exit 1; }

.venv-versions/%/.ready: requirements.txt tests/requirements.txt
	$(PYTHON) -m venv .venv-versions/$*
	.venv-versions/$*/bin/python -m pip install --quiet --upgrade -r requirements.txt \
	  -r tests/requirements.txt $(if $(filter newest,$*),,torch==$*)
	touch $@

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
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 16))' \
	  || { echo "error: Detach Lab needs Python 3.10 to 3.15; choose one with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Newer than what is installed as soon as another torch is chosen.
$(VENV)/.torch: FORCE | $(VENV)/bin/python
	@[ "$$(cat $@ 2>/dev/null)" = '$(CHOSEN)' ] || echo '$(CHOSEN)' > $@

$(VENV)/.run-ready: requirements.txt constraints.txt $(VENV)/.torch
	$(BIN)/python -m pip install --quiet -r requirements.txt $(CHOSEN)
	touch $@

$(VENV)/.test-ready: tests/requirements.txt $(VENV)/.run-ready
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	touch $@

# Nothing that is installed may be replaced, torch least of all.
$(VENV)/.long-ready: tests/requirements-long.txt $(VENV)/.test-ready
	$(BIN)/python -m pip list --format=freeze > $(VENV)/installed.txt
	$(BIN)/python -m pip install --quiet -r tests/requirements-long.txt -c $(VENV)/installed.txt
	touch $@

clean:
	rm -rf $(VENV) .venv-versions .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
