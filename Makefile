# Every target sets up what it needs. Paths are relative, so a clone whose path has spaces works.
PYTHON ?= python3
VENV   := .venv
PEERS  := .venv-peers
TRACKERS := .venv-trackers
TRACKERS_LOCK := tests/analysis/exports/trackers/requirements
BIN    := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
SPHINX := -b html -q -E -W --keep-going
STUDY   ?= search_spaces/optimizers.yaml
RESULTS ?= results/optimizers
REFERENCE = $(basename $(notdir $(STUDY)))
COMMIT  = $(shell git rev-parse --short=12 HEAD)
ARCHIVE ?= results/reference-$(COMMIT).tar.gz

.DEFAULT_GOAL := help
.PHONY: help $(VENV) sweep report reproduce reference archive dashboard optuna-dashboard test test-full quick check docs format lock schema peers trackers clean

help:  ## show this list
	@grep -hE '^[a-z.-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV): $(VENV)/installed  ## set up the virtual environment, nothing else

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Remedy: make PYTHON=python3.12 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "error: $(PYTHON) cannot make a virtual environment. Remedy on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing the pinned requirements (about 6 GB on disk, torch included)"
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements.txt
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

sweep: $(VENV)/installed  ## run the optimizers study and write its report (STUDY=file.yaml for another)
	$(BIN)/python -m harness.sweep "$(STUDY)"

report: $(VENV)/installed  ## write every report under results/ again from the journals, and the overview results/index.html
	@find results -name 'journal.jsonl*' | grep -q . || { echo "no results yet: run make sweep" >&2; exit 2; }
	@$(BIN)/python -m analysis.report results
	@$(BIN)/python -m analysis.report results/reference --overview-only

dashboard: $(VENV)/installed  ## watch a study's report in a browser, on this machine only (RESULTS=results/optimizers)
	@$(BIN)/recipe-harness watch "$(RESULTS)" --page

optuna-dashboard: $(VENV)/installed  ## watch a study's search in Optuna's own dashboard, likewise
	$(BIN)/optuna-dashboard --host 127.0.0.1 --storage-class JournalFileStorage "$(RESULTS)/optuna.journal"

reproduce: $(VENV)/installed  ## run a reference study again, say whether it agrees (STUDY=dropout for another)
	$(BIN)/python -m harness.sweep "results/reference/$(REFERENCE)/study.yaml" --results results/reproduced \
	  $(if $(shell grep -sl "import:" results/reference/$(REFERENCE)/study.yaml),--trust) \
	  $(if $(wildcard results/reproduced/$(REFERENCE)/manifest.json),--resume) || test $$? = 1
	$(BIN)/python -m analysis.reproduction "results/reference/$(REFERENCE)" "results/reproduced/$(REFERENCE)"

reference: $(VENV)/installed  ## after a change below results/reference: write its checksums and the pages made of it again
	@$(BIN)/python -m docs.generators.checksums
	@$(BIN)/python -m docs.generators.results
	@$(BIN)/python -m docs.generators.tools

archive:  ## pack the reference results of the commit that is checked out: the same bytes each time
	@git rev-parse --quiet --verify HEAD >/dev/null || { echo "error: an archive is of a commit, and this is no Git checkout" >&2; exit 2; }
	@test -z "$$(git status --porcelain results/reference)" \
	  || { echo "error: results/reference differs from the commit. Remedy: commit it, or git restore it" >&2; exit 2; }
	@git -c tar.umask=0022 archive --format=tar.gz --prefix="recipe-harness-$(COMMIT)/" --output="$(ARCHIVE)" \
	  HEAD CITATION.cff LICENSE results/reference
	@echo "$(ARCHIVE)"

test: $(VENV)/installed  ## run the tests that CI runs: every promise, the longest ones by a shorter sibling
	$(PYTEST) -m "not full" --durations 30 --durations-min 10

test-full: $(VENV)/installed $(TRACKERS)/installed  ## run the whole test suite; what starts a Ray comes last, one test after another
	$(PYTEST) -m "not ray"
	$(BIN)/python -m pytest -m ray

quick: $(VENV)/installed  ## run the tests that are short and start neither Ray nor a browser
	$(PYTEST) -m "not slow and not ray and not full and not browser"

check: $(VENV)/installed  ## formatting, lint, types, import directions, dependencies, schema, site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry harness analysis
	$(BIN)/python -m harness.study.schema --check
	$(BIN)/python -m sphinx $(SPHINX) docs docs/_build

docs: $(VENV)/installed  ## build the site into docs/_build; a broken link or page ends it
	@$(BIN)/python -m sphinx $(SPHINX) docs docs/_build
	@echo docs/_build/index.html

format: $(VENV)/installed  ## format the code and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(VENV)/installed  ## write the JSON schemas of study files and of --json again
	$(BIN)/python -m harness.study.schema
	$(BIN)/python -m harness.json_output > docs/json.schema.json

lock: $(VENV)/installed  ## compile requirements.txt from pyproject.toml again
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --extra test --extra dashboard --extra docs --extra mlflow --extra tensorboard \
	  --output-file requirements.txt pyproject.toml
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --constraint requirements.txt \
	  --output-file benchmarks/peers/requirements.txt benchmarks/peers/requirements.in
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --output-file $(TRACKERS_LOCK).txt $(TRACKERS_LOCK).in

peers: $(PEERS)/installed  ## set up the other tools that benchmarks/sweep_speed.py measures beside the harness

$(PEERS)/installed: benchmarks/peers/requirements.txt | $(VENV)/installed
	@$(PYTHON) -m venv $(PEERS)
	@$(BIN)/python -m uv pip install --quiet --python $(PEERS)/bin/python --require-hashes \
	  --requirements benchmarks/peers/requirements.txt
	@touch $@

trackers: $(TRACKERS)/installed  ## set up Weights & Biases and trackio, which the tests of exports to them need

$(TRACKERS)/installed: $(TRACKERS_LOCK).txt | $(VENV)/installed
	@$(PYTHON) -m venv $(TRACKERS)
	@$(BIN)/python -m uv pip install --quiet --python $(TRACKERS)/bin/python --require-hashes \
	  --requirements $(TRACKERS_LOCK).txt
	@touch $@

clean:  ## remove the virtual environments and caches (results stay)
	rm -rf $(VENV) $(PEERS) $(TRACKERS) docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
