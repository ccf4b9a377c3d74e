# Peertransfer. `make` alone lists the targets. Each sets up what it needs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PYTHONDONTWRITEBYTECODE :=
TESTS ?= tests

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.txt pyproject.toml
	@scripts/find_python.sh $(PYTHON) > /dev/null
	test -x $(BIN)/python || "$$(scripts/find_python.sh $(PYTHON))" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q $(VENV)/lib node > /dev/null || true
	@touch $(STAMP)

.PHONY: dev
dev: $(STAMP) ## a virtual environment in .venv with the package and all tools

.PHONY: demo
demo: $(STAMP) ## the main job from nothing: three nodes, a folder, a kill, a stranger, the ledger
	@$(BIN)/python scripts/demo.py

.PHONY: run
run: $(STAMP) ## a long-lived node with defaults
	$(BIN)/peertransfer run

.PHONY: quick
quick: $(STAMP) ## what a person runs between edits: unit tests without hosts and processes
	$(BIN)/python -m pytest -q -x -m "not swarm and not process and not interop" $(TESTS)

.PHONY: test
test: $(STAMP) ## all tests that need no other language
	$(BIN)/python -m pytest -q -n 2 -m "not interop" $(TESTS)

.PHONY: cover
cover: $(STAMP) ## branch coverage; the pure rooms have no excuse
	$(BIN)/python scripts/coverage.py

.PHONY: fmt
fmt: $(STAMP) ## format Python and protobuf files
	$(BIN)/ruff format node tests scripts
	$(BIN)/ruff check --fix-only --quiet node tests scripts
	$(BIN)/buf format -w

.PHONY: lint
lint: $(STAMP) ## ruff, buf lint, codespell
	$(BIN)/ruff check node tests scripts
	$(BIN)/ruff format --check node tests scripts
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/codespell

.PHONY: types
types: $(STAMP) ## mypy strict
	$(BIN)/mypy

.PHONY: arch
arch: $(STAMP) ## the six contracts between rooms
	$(BIN)/lint-imports

.PHONY: protos
protos: $(STAMP) ## generate wire/v1 from protos/
	$(BIN)/python scripts/generate_protos.py

.PHONY: protos-check
protos-check: $(STAMP) ## generated code is what protos/ says
	$(BIN)/python scripts/generate_protos.py --check

.PHONY: schema
schema: $(STAMP) ## write the JSON Schema of policy.toml anew
	$(BIN)/python scripts/generate_schema.py

.PHONY: vectors
vectors: $(STAMP) ## write tests/vectors and fuzz seeds anew; a changed vector is a changed protocol
	$(BIN)/python scripts/make_vectors.py

.PHONY: vectors-check
vectors-check: $(STAMP) ## tests/vectors and fuzz seeds are what the code makes
	$(BIN)/python scripts/make_vectors.py --check

.PHONY: census
census: $(STAMP) ## docs/disclosure.md, views, protos and engine agree
	$(BIN)/python -m pytest -q tests/disclosure

.PHONY: mutants
mutants: $(STAMP) ## break the tree in each way that tests/leaks lists: the leak tests must notice
	$(BIN)/python scripts/mutants.py

.PHONY: docs
docs: $(STAMP) ## links in the documents, news fragments
	$(BIN)/python scripts/check_docs.py
	$(BIN)/towncrier build --draft --version 0.0.0 > /dev/null

.PHONY: lock
lock: ## compile the hash-pinned lock files (needs uv)
	cd requirements && for name in runtime dev bench fuzz; do uv pip compile -q --generate-hashes --no-emit-index-url --universal \
	  --python-version 3.11 --override overrides.txt $$name.in -o $$name.txt; done

.PHONY: check
check: lint types arch protos-check vectors-check docs test ## everything CI judges, bar other languages

.PHONY: interop
interop: $(STAMP) ## peers in other languages (LANGUAGES="js"; "js go rust" for all)
	$(BIN)/python scripts/interop.py

.PHONY: bench
bench: $(STAMP) ## measure everything beside its controls: docs/performance.md (BENCH="--quick --rounds 1" to try)
	PYTHONPATH=scripts $(BIN)/python -m bench run $(BENCH)

.PHONY: bench-check
bench-check: $(STAMP) ## ratios of a quick run against the committed ones (BENCH=--write to commit to new ones)
	PYTHONPATH=scripts $(BIN)/python -m bench check $(BENCH)

.PHONY: bench-profile
bench-profile: $(STAMP) ## where the time of both nodes goes: docs/profile.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.txt
	PYTHONPATH=scripts $(BIN)/python -m bench profile $(BENCH)

.PHONY: fuzz
fuzz: $(STAMP) ## fuzz every parser of strangers' octets and people's files (SECONDS=60 each); writes docs/fuzz.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/fuzz.txt
	$(BIN)/python scripts/fuzz.py $(TARGETS)

.PHONY: soak
soak: $(STAMP) ## run real nodes under a mixed load for MINUTES=60 and look for leaks; writes docs/soak.md
	$(BIN)/python scripts/soak.py

.PHONY: figures
figures: $(STAMP) ## write docs/performance.md and the README's table anew from docs/performance.jsonl
	PYTHONPATH=scripts $(BIN)/python -m bench report

.PHONY: build
build: $(STAMP) ## wheel and source archive in dist/
	$(BIN)/python -m hatchling build

.PHONY: clean
clean: ## remove what these targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache node_modules tests/interop/node_modules
