# `make help` lists the targets. Everything is installed in .venv; a stamp makes the second run quick.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-all bench lint clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## install lvcodec and its development tools in .venv

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "lvcodec needs Python 3.11 or later; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: venv  ## code a short clip, decode it, print what it cost; results in demo/
	$(PY) examples/demo.py

test: venv  ## the tests, without the slow ones
	$(PY) -m pytest -q -m 'not slow'

test-all: venv  ## all tests
	$(PY) -m pytest -q

bench: venv  ## compare codecs on the clips in CLIPS=DIR; report in runs/bench, options in BENCH="--preset quick"
	@test -n "$(CLIPS)" || { echo 'name the clips: make bench CLIPS=DIR' >&2; exit 1; }
	$(VENV)/bin/lvcodec bench $(CLIPS) --out runs/bench $(BENCH)

lint: venv  ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

clean:  ## remove .venv, caches and demo/
	rm -rf $(VENV) .cache demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
