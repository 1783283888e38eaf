PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || echo 2)
STAMP := $(VENV)/.installed

.PHONY: help install browser demo test test-all golden test-slurm faults fuzz bench lint format lock docs clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# All but torch is taken only if it has the hash that is locked; the lock is whole, so nothing is resolved anew.
$(STAMP): envs/requirements.lock envs/torch.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r envs/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/torch.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP) ## the environment, in .venv

browser: $(STAMP) ## a Chromium for the tests of pages, where the machine has none
	command -v chromium || command -v chromium-browser || command -v google-chrome || $(BIN)/playwright install chromium

demo: $(STAMP) ## a synthetic corpus through the whole pipeline, to a report
	PATH="$(abspath $(BIN)):$$PATH" snakemake --cores $(CORES)

test: $(STAMP) ## the tests, without the slow proofs
	$(BIN)/pytest -n $(CORES) -m "not slow"

test-all: $(STAMP) ## every test
	$(BIN)/pytest -n $(CORES)

golden: $(STAMP) ## the golden outputs of stages whose version was raised, and of new models
	$(BIN)/python tests/golden/renew.py

faults: $(STAMP) ## every fault in every stage: a table, and whether all is green
	$(BIN)/python tests/faults/matrix.py

test-slurm: $(STAMP) ## runs on a real Slurm of two pretend nodes, where Slurm may be installed
	$(BIN)/pytest -s tests/slurm/on_slurm.py

fuzz: $(STAMP) ## thousands of sound files damaged at random
	$(BIN)/python tests/fuzz/fuzz.py --cases 2000 --seed 0

bench: $(STAMP) ## the benchmarks of docs/benchmarks.md
	for script in benchmarks/*.py; do $(BIN)/python $$script; done

lint: $(STAMP) ## ruff, snakefmt and snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	PATH="$(abspath $(BIN)):$$PATH" snakemake --lint

format: $(STAMP) ## ruff and snakefmt put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

lock: $(STAMP) ## envs/requirements.lock and envs/torch.lock from envs/requirements.in
	$(BIN)/python envs/lock.py

docs: $(STAMP) ## docs/configuration.md and docs/study-files.md from the settings classes
	$(BIN)/python -m genreflow.cli.reference docs

clean: ## remove results, logs and the environment
	rm -rf results logs .snakemake $(VENV)
