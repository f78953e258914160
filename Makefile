# make demo    the whole thing on this machine: an outlet, a publication, two mirrors, one of them lying
# make test    the tests             make check   what a developer and CI both run: format, lint, types, tests
# make bench   measurements          make clean   back to what was checked out
# make reader  template.html of the reader, after a change of its sources; needs Node and npm
# make fuzz    every parser of others' bytes, ten minutes each (FUZZ="note trust" FUZZ_SECONDS=60)
#
# Needs Python 3.11 or newer and nothing else; everything goes into .venv here. Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
# What to test and how: make test TESTS=tests/test_config.py PYTEST_OPTIONS=-x
TESTS ?= tests
PYTEST_OPTIONS ?=

BIN := $(VENV)/bin
JS_TESTS := $(wildcard tests/*/*.test.mjs)
NODE ?= node

FUZZ ?= $(sort $(notdir $(patsubst %/,%,$(wildcard tests/fuzz/corpus/*/))))
FUZZ_SECONDS ?= 600

.PHONY: demo test test-py test-js lint check bench reader fuzz clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(BIN)/tamizdat demo

test: test-py
ifeq ($(TESTS),tests)
test: test-js
endif

# A file's tests stay together, as they share servers; tests/conftest.py says which files come first.
test-py: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS) $(TESTS)

test-js:
	@if $(NODE) -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; then \
	  $(NODE) --test $(JS_TESTS) && echo "node tests: passed"; \
	else \
	  echo "node tests: skipped, they need Node 18 or newer"; \
	  test -z "$$CI"; \
	fi

lint: $(VENV)/.installed-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

bench: $(VENV)/.installed-bench
	set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

reader: .ci/node/node_modules/terser
	$(NODE) mirror/reader/build.mjs

.ci/node/node_modules/terser:
	npm install --prefix .ci/node --no-audit --no-fund esbuild@0.28.2 terser@5.51.2

fuzz: $(VENV)/.installed-fuzz
	set -e; for target in $(FUZZ); do echo "== $$target"; \
	  $(BIN)/python -m tests.fuzz.run "$$target" -max_total_time=$(FUZZ_SECONDS); done

clean:
	rm -rf .fuzz $(VENV) .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The Python is looked at first, since "No module named tomllib" would tell nobody what to do. Debian and Ubuntu keep
# ensurepip in a package of its own; where it is missing but pip is there, pip fills the environment from outside.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is missing or older than 3.11; name another one: make PYTHON=python3.12" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -c 'import pip, venv' 2>/dev/null; then \
	  $(PYTHON) -m venv --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(VENV)/bin/python install --quiet --quiet --ignore-installed pip; \
	else \
	  echo "make: this Python cannot make environments; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; \
	fi

# Installed in place, so a changed source needs no new installation; only a changed list of libraries does.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@ $(VENV)/.installed
