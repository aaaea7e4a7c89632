# make demo and make test need nothing but Python 3.11+ and the package index; each sets up .venv when needed.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/glyphfront
# two processes with a thread each; small nets gain nothing from more threads
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

.PHONY: help demo test check slow bench race results clean

help:
	@echo "make demo     train, measure and compare four models on built-in data; ends with the path of the report"
	@echo "make test     run all tests but the slow ones"
	@echo "make check    style, types and tests, the golden curve also with AVX2"
	@echo "make slow     the slow tests"
	@echo "make bench    side-by-side timings, results in benchmarks/results/"
	@echo "make race     from raw files to 90.0 and 90.5 % on the test set, against the clock"
	@echo "make results  README and all reports, again, from the committed result files"
	@echo "make clean    remove what make made"

.venv/.train: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "glyphfront needs Python 3.11 or newer; set PYTHON=python3.11" >&2; exit 2; }
	@echo "installs torch and the rest into .venv, some 4 minutes and 6 GB"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]'
	@touch $@

.venv/.dev: .venv/.train
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,dev]'
	@touch $@

demo: .venv/.train
	$(RUN) study run quick --data strokes --runs-dir demo/runs --out demo/report --latency-seconds 0.5

test: .venv/.dev
	$(PYTEST)

check: .venv/.dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(PYTEST)
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(PYTEST) tests/test_golden.py

slow: .venv/.dev
	$(PYTEST) -m slow

bench: .venv/.dev
	$(BIN)/python benchmarks/run_all.py

race: .venv/.train
	$(BIN)/python benchmarks/race.py

results: .venv/.train
	$(RUN) report results/quick-balanced
	$(RUN) report results/few-photo62
	$(RUN) report results/peers
	$(RUN) report results/search-balanced-1x-int8
	$(RUN) report results/search-balanced-1.6x-int8
	$(RUN) report results/front
	$(RUN) report results/front/sizes
	$(RUN) report results/front/shipped --readme README.md
	$(RUN) layers results/emnist-study-full/final/final-seed0.json --out results/emnist-study-full/architecture.json
	$(RUN) report results/emnist-study-full
	$(RUN) report results/emnist-study-laptop --readme README.md
	$(RUN) study cost emnist-study --rates results/emnist-study-full/rates.json --seeds 3 --speedup 4 --page docs/cost.md
	$(BIN)/python benchmarks/pictures/readme.py
	$(BIN)/python benchmarks/further.py table
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/glyphfront.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
