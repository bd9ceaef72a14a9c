# make run: set up and score once, now.  make test: set up the rest and run the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test lint audit setup clean

run: $(VENV)/scoring.installed
	@$(BIN)/python -m scheduler --once --all

test: $(VENV)/all.installed
	$(BIN)/python -m pytest

lint: $(VENV)/all.installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

# Asks PyPI for known vulnerabilities of every pin; fails where it cannot be asked.
audit: $(VENV)/audit/installed
	$(VENV)/audit/bin/python -m pip_audit --strict --no-deps --disable-pip -r requirements.txt

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

$(VENV)/audit/installed: requirements-audit.txt
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

clean:
	rm -rf $(VENV)
