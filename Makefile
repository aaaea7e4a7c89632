# make demo and make test need nothing but Python 3.11+ and the package index; each sets up .venv when needed.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/glyphfront

.PHONY: help demo test check slow bench results clean

help:
	@echo "make demo     train, measure and compare four models on built-in data; ends with the path of the report"
	@echo "make test     run all tests but the slow ones"
	@echo "make check    style, types and tests"
	@echo "make slow     the slow tests"
	@echo "make bench    side-by-side timings, results in benchmarks/results/"
	@echo "make results  README and all reports, again, from the committed result files"
	@echo "make clean    remove what make made"

.venv/.train: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "glyphfront needs Python 3.11 or newer; set PYTHON=python3.11" >&2; exit 2; }
	@echo "installs torch and the rest into .venv, some 4 minutes and 6 GB"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]'
	@touch $@

.venv/.dev: .venv/.train
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	@touch $@

demo: .venv/.train
	$(RUN) study run quick --data strokes --runs-dir demo/runs --out demo/report --latency-seconds 0.5

test: .venv/.dev
	$(BIN)/pytest

check: .venv/.dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/pytest

slow: .venv/.dev
	$(BIN)/pytest -m slow

bench: .venv/.dev
	$(BIN)/python benchmarks/run_all.py

results: .venv/.train
	$(RUN) report results/quick-balanced --readme README.md
	$(RUN) report results/shipped-balanced
	$(RUN) layers results/study-full/final/final-seed0.json --out results/study-full/architecture.json
	$(RUN) report results/study-full
	$(RUN) report results/study-laptop --readme README.md
	$(RUN) study cost --rates results/study-full/rates.json --seeds 3 --speedup 4 --page docs/cost.md

clean:
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/glyphfront.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
