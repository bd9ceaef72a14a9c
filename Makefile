# make run: set up and score once, now.  make test: set up the rest and run the tests.
# make desk: look at what was scored, judge it and correct it, in a browser.
# make quick: those that take two minutes.  make test-long: months, kills and training, twenty minutes.
# make fuzz MINUTES=10: search for inputs that break something, another way each time.
# make pictures: the README's pictures, taken anew.
# make bench ARGS="--parts png": this software beside others, an hour; see benchmarks/README.md.
# make cluster: scoring on several machines, tried with several nodes on this one, five minutes at most.
# make conformance: other people's clients against this server, ten minutes at most.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 10
# Three at once on two cores: most of what tests take is waiting. Each file stays in one process.
WORKERS ?= 3
# Compiled at set-up: who runs them at night may have no right to write here.
PACKAGES := scoring client server desk scheduler fashion_model
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

CLIENTS := $(VENV)/conformance
ENVIRONMENTS := $(patsubst requirements-conformance-%.txt,$(CLIENTS)/%/installed,\
	$(wildcard requirements-conformance-*.txt))

PEERS ?= $(VENV)/peers
PEER_ENVIRONMENTS := $(patsubst benchmarks/peers/requirements-%.txt,$(PEERS)/%/installed,\
	$(wildcard benchmarks/peers/requirements-*.txt))

.PHONY: run desk test quick test-long test-busy fuzz bench bench-peers cluster conformance pictures lint audit setup clean

run: $(VENV)/scoring.installed
	@$(BIN)/python -m scheduler --once --all

desk: $(VENV)/scoring.installed
	@$(BIN)/python -m desk

test: $(VENV)/all.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

quick: $(VENV)/all.installed
	$(BIN)/python -m pytest -m "not slow and not long"

test-long: $(VENV)/all.installed
	$(BIN)/python -m pytest -m long -n $(WORKERS) --dist loadfile

# Ten times the quick part and three times the tests, beside two loops that keep the cores busy.
test-busy: $(VENV)/all.installed
	$(BIN)/python -m tests.busy --quick 10 --tests 3

fuzz: $(VENV)/all.installed
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

# Whoever cannot be installed is a row with its error: make goes on without it.
bench: $(VENV)/all.installed
	-$(MAKE) --keep-going bench-peers
	$(BIN)/python -m benchmarks.bench --environments $(PEERS) $(ARGS)

bench-peers: $(PEER_ENVIRONMENTS)

# Ray and the S3 server of its tests, each in an environment of its own.
cluster: $(VENV)/cluster/installed $(VENV)/cluster-s3/installed
	MOTO_SERVER=$(VENV)/cluster-s3/bin/moto_server $(VENV)/cluster/bin/python -m pytest tests/cluster

# WRITE=--write puts the table into docs/api.md.
conformance: $(VENV)/all.installed $(ENVIRONMENTS)
	$(BIN)/python -m tests.conformance $(WRITE)

# The README's pictures, taken anew with Chromium.
pictures: $(VENV)/all.installed
	$(BIN)/python -m tests.pictures

lint: $(VENV)/all.installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/hadolint Dockerfile

# Asks PyPI for known vulnerabilities of every pin; fails where it cannot be asked.
audit: $(VENV)/audit/installed
	$(VENV)/audit/bin/python -m pip_audit --strict --no-deps --disable-pip -r requirements.txt

setup: $(VENV)/scoring.installed

$(VENV)/scoring.installed: requirements-scoring.txt
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" || { echo \
		"error: Python 3.11 to 3.13 is needed, and $(PYTHON) is none: name one, make run PYTHON=python3.12" \
		>&2; exit 1; }
	@echo "setting up $(VENV) (once)"
	@# Emptied only where its Python does not start or is another: one made by hand is sound.
	@clear=; version="import sys; print(sys.version_info[:2])"; \
		test "$$($(BIN)/python -c "$$version" 2>&1)" = "$$($(PYTHON) -c "$$version")" || clear=--clear; \
		$(PYTHON) -m venv $$clear $(VENV)
	@$(PIP) -r requirements-scoring.txt
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(BIN)/python -c "from scoring.monitoring.page import compile_templates as go; go()"
	@touch $@

$(VENV)/all.installed: requirements.txt requirements-gunicorn.txt requirements-teach.txt $(VENV)/scoring.installed
	@echo "setting up training and tests in $(VENV) (once)"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/audit/installed: requirements-audit.txt
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

$(VENV)/cluster/installed: requirements-cluster-test.txt requirements-cluster.txt requirements-scoring.txt
	@$(PYTHON) -m venv $(VENV)/cluster
	@$(VENV)/cluster/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)/cluster-s3/installed: requirements-cluster-s3.txt
	@$(PYTHON) -m venv $(VENV)/cluster-s3
	@$(VENV)/cluster-s3/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(CLIENTS)/%/installed: requirements-conformance-%.txt
	@echo "setting up $(@D) (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(PEERS)/%/installed: benchmarks/peers/requirements-%.txt
	@echo "setting up $(@D) (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

clean:
	rm -rf $(VENV)
