# The verbs of this project. `make test` and `make check` need nothing but Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check format bench pair verdict clean

demo: $(STAMP)  ## Two small models on sums: one makes mistakes, the other corrects them as they are said.
	$(BIN)/python -m stream_aligner_lc demo

test: $(STAMP)  ## Create .venv with everything the tests need, and run them.
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)  ## Lint, formatting and strict types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## The loop beside the bare model, and the aligner beside generate.
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/engine.py --clock cpu

TRAIN := $(BIN)/python -m stream_aligner_lc.sums.train
PAIR := stream_aligner_lc/sums/checkpoints
AFTER := --earlier 0.4 --rate 1e-3 --seed 1

pair: $(STAMP)  ## Train the two small models anew: on single problems, then on conversations (an hour on 2 cores).
	$(TRAIN) upstream --out build/upstream
	$(TRAIN) upstream --out $(PAIR)/sums-upstream --start build/upstream $(AFTER) --steps 800
	$(TRAIN) aligner --out build/aligner
	$(TRAIN) aligner --out $(PAIR)/sums-aligner --start build/aligner $(AFTER) --steps 1500

verdict: $(STAMP)  ## Train the aligner of the template `verdict` anew: a layer more, to compare with (an hour on 2 cores).
	$(TRAIN) verdict --out build/verdict-3
	$(TRAIN) verdict --out build/verdict-4 --start build/verdict-3 --layers 4 --rate 2.5e-3 --seed 2 --steps 4000
	$(TRAIN) verdict --out $(PAIR)/sums-verdict --start build/verdict-4 --layers 4 --earlier 0.2 --rate 1.2e-3 --seed 4 --steps 1800

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e . --group dev
	touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
