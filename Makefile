# make demo    set up, then make a picture without and with a negative and say what it did
# make test    set up the same way, then run the tests
# make check   ruff, mypy, import-linter
# make bench-gpu        time and memory of an image on a CUDA device, beside diffusers
# make bench-process    time of whole processes, beside diffusers and a bare Python
# make bench-history    a search in a history of 100,000 runs
# make bench-planted    whether ablate and prune are right about forty known terms (hours)
# make bench-encoder    whether scale or negatives make up for a weaker text encoder (half an hour)
# make bench-language   speed and growth of the readers, a million random prompts (STYLES=folder)
#
# Set-up happens once, in .venv. PYTHON=... chooses the interpreter (3.11 or newer).
# TORCH=... takes your own requirement in place of the pinned torch, and is remembered:
#   make demo TORCH='torch>=2.6'
#   make demo TORCH='torch==2.13.0 --index-url URL-OF-THE-BUILD-YOU-WANT'
#   make demo TORCH=pinned

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

PINNED := $(shell sed -n '/^torch==/p' constraints.txt)
CHOICE := $(VENV)/torch-choice.txt
PINS := $(VENV)/constraints.txt
PACKAGE := $(VENV)/.package-installed
DEV := $(VENV)/.dev-installed
BENCH := $(VENV)/.bench-installed

STYLES ?= ../shared/styles

.DEFAULT_GOAL := demo
.PHONY: demo test check bench-language bench-gpu bench-process bench-history bench-planted \
  bench-encoder FORCE

demo: $(PACKAGE)
	$(BIN)/python -m negprompt demo

test: $(DEV)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-language: $(BENCH)
	$(BIN)/python benchmarks/language.py $(STYLES) --random 1000000

bench-history: $(PACKAGE)
	$(BIN)/python benchmarks/history.py

bench-gpu: $(PACKAGE)
	$(BIN)/python benchmarks/gpu.py

bench-process: $(PACKAGE)
	$(BIN)/python benchmarks/process.py

bench-planted: $(PACKAGE)
	$(BIN)/python benchmarks/planted.py

bench-encoder: $(PACKAGE)
	$(BIN)/python -m benchmarks.encoder_swap

# ------------------------------------------------------------------------------------- set-up

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'negprompt needs Python 3.11 or newer: make PYTHON=python3.12'; exit 2; }
	$(PYTHON) -m venv $(VENV)

# Rewritten only when the wish changes, so that everything below runs again exactly then.
$(CHOICE): FORCE | $(BIN)/python
	@choice='$(or $(TORCH),$(shell cat $(CHOICE) 2>/dev/null),pinned)'; \
	  printf '%s\n' "$$choice" | cmp -s - $@ || printf '%s\n' "$$choice" > $@

# torch comes first and by plain pip, so that pip's own configuration decides which build it is.
# Your own torch keeps what it brought: the pins then stop where torch's section begins.
$(PINS): $(CHOICE) constraints.txt
	@if [ "$$(cat $(CHOICE))" = pinned ]; then \
	  set -x; $(PIP) install $(PINNED) && cp constraints.txt $@; \
	else \
	  set -x; xargs $(PIP) install < $(CHOICE) && \
	  sed '/^# torch and what it brings/,$$d' constraints.txt > $@.part && \
	  $(BIN)/python -c 'from importlib.metadata import version as v; print("torch==" + v("torch"))' \
	    >> $@.part && mv $@.part $@; \
	fi

$(PACKAGE): $(PINS) pyproject.toml
	$(PIP) install -c $(PINS) hatchling
	$(PIP) install -c $(PINS) --no-build-isolation -e .
	@touch $@

# open_clip_torch only for the vocabulary file inside it; what it would bring along is not wanted.
$(DEV): $(PACKAGE)
	$(PIP) install -c $(PINS) --no-build-isolation -e '.[dev]'
	$(PIP) install -c $(PINS) --no-deps open_clip_torch
	@touch $@

# compel is what is raced against: its parser is one file that needs pyparsing and no more.
$(BENCH): $(DEV)
	$(PIP) install -c $(PINS) --no-build-isolation -e '.[bench]'
	$(PIP) install -c $(PINS) --no-deps compel
	@touch $@
