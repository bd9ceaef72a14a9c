# make run: set up and score once, now.  make test: set up the rest and run the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test lint setup clean

run: $(VENV)/scoring.installed
	@$(BIN)/python -m scheduler --once --all

test: $(VENV)/all.installed
	$(BIN)/python -m pytest

lint: $(VENV)/all.installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

setup: $(VENV)/scoring.installed

$(VENV)/scoring.installed: requirements-scoring.txt
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements-scoring.txt
	@touch $@

$(VENV)/all.installed: requirements.txt $(VENV)/scoring.installed
	@echo "setting up training and tests in $(VENV) (once)"
	@$(PIP) -r requirements.txt
	@touch $@

clean:
	rm -rf $(VENV)
