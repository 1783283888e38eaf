PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || echo 2)
STAMP := $(VENV)/.installed
SITE := $(VENV)/site

.PHONY: help install browser demo test test-end-to-end test-all golden test-slurm faults fuzz bench lint format wheel lock docs site clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# Every package but torch must have the locked hash. The lock is complete, so pip resolves nothing.
$(STAMP): envs/requirements.lock envs/torch.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r envs/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/torch.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP) ## make the environment in .venv

browser: $(STAMP) ## install a Chromium for the tests of pages, if the machine has none
	command -v chromium || command -v chromium-browser || command -v google-chrome || $(BIN)/playwright install chromium

demo: $(STAMP) ## build a report of synthetic music, in about 4 minutes on two cores
	@echo "The demo takes about 4 minutes on two idle cores."
	PATH="$(abspath $(BIN)):$$PATH" snakemake --cores $(CORES)

test: $(STAMP) ## run the tests that take minutes, not hours
	$(BIN)/pytest -n $(CORES) -m "not slow and not end_to_end"

test-end-to-end: $(STAMP) ## run whole pipelines through Snakemake
	$(BIN)/pytest -n $(CORES) --dist loadgroup -m "end_to_end and not slow"

test-all: $(STAMP) ## run every test
	$(BIN)/pytest -n $(CORES)

golden: $(STAMP) ## renew the golden outputs of stages with a raised version, and of new models
	$(BIN)/python tests/golden/renew.py

faults: $(STAMP) ## inject every fault into every stage and print a table
	$(BIN)/python tests/faults/matrix.py

test-slurm: $(STAMP) ## run on a real Slurm of two pretend nodes, where Slurm may be installed
	$(BIN)/pytest -s tests/slurm/on_slurm.py

fuzz: $(STAMP) ## ingest thousands of randomly damaged files
	$(BIN)/python tests/fuzz/fuzz.py --cases 2000 --seed 0

bench: $(STAMP) ## run the benchmarks of docs/benchmarks.md
	for script in benchmarks/*.py; do $(BIN)/python $$script; done

lint: $(STAMP) ## run ruff, snakefmt, mypy and snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" snakemake --lint

format: $(STAMP) ## format the code with ruff and snakefmt
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

wheel: $(STAMP) ## build dist/genreflow-*.whl, with the workflow, studies and profiles in it
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir dist .

lock: $(STAMP) ## write the locks in envs/ from pyproject.toml
	$(BIN)/python envs/lock.py

docs: $(STAMP) ## write the reference in docs/ and the schemas in resources/schemas/
	$(BIN)/python -m genreflow.cli.reference docs

$(SITE)/.installed: envs/site.lock
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r envs/site.lock
	@touch $@

site: $(SITE)/.installed ## build the documentation site in site/
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet --clean --config-file envs/mkdocs.yml

clean: ## remove results, logs and the environment
	rm -rf results logs site .snakemake $(VENV)
