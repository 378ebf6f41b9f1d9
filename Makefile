# ChatAI's commands. `make` alone lists them. Needs Python 3.11 or newer, and nothing else; PYTHON=... says which.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# The lock is whole: pip resolves nothing, so that no newer release of an extra ("granian[reload]") can break a start.
LOCKED := -qq --no-deps --require-hashes --only-binary :all:
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet
export PLAYWRIGHT_SKIP_BROWSER_GC := 1

.DEFAULT_GOAL := help
.PHONY: help up test lint fmt typecheck lock local-model docs screenshots bench bench-bots bench-faults bench-reading bench-retrieval bench-search

help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.installed ## Set everything up and start ChatAI (Ctrl-C stops it)
	@exec $(BIN)/chatai up

test: $(VENV)/.tested ## Run the tests (ARGS="-k name" for some of them)
	@scripts/with-browser $(BIN)/python -m pytest $(or $(TEST_WORKERS),-n 2 --dist loadfile) $(ARGS)

lint: $(VENV)/.tested ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory typecheck
	$(BIN)/lint-imports

typecheck: $(VENV)/.tested ## Check the types
	$(BIN)/mypy chatai bots scripts

fmt: $(VENV)/.tested ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.tested ## Resolve the dependencies anew into the lock files
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra local -c requirements-dev.lock -o requirements-local.lock

local-model: $(VENV)/.installed ## Install what embedding models on this machine need (EMBEDDING_MODEL=local:...)
	@echo "Installing what local embedding models need (about 130 MB) ..."
	@$(PIP) install $(LOCKED) -r requirements-local.lock

docs: $(VENV)/.installed ## Generate the settings' reference
	$(BIN)/python -m scripts.settings_reference

screenshots: $(VENV)/.tested ## Take pictures of a running ChatAI's pages (BASE=http://... EMAIL=you@... CHATAI_PASSWORD=...)
	@scripts/with-browser $(BIN)/python -m scripts.screenshots $(or $(BASE),http://localhost:8000) $(EMAIL) $(ARGS)

bench: $(VENV)/.tested ## Measure start time, memory and answers on this machine
	@$(BIN)/python -m scripts.bench $(ARGS)

bench-bots: $(VENV)/.tested ## Measure memory, speed and isolation of the bots (ARGS="--quick"; --write for the report)
	@$(BIN)/python -m scripts.bench_bots $(ARGS)

bench-faults: $(VENV)/.tested ## Kill every part of the bots under load and count what is lost (ARGS="--kills 5"; --write for the report)
	@$(BIN)/python -m scripts.bench_bots.faults $(ARGS)

bench-retrieval: $(VENV)/.tested ## Measure how well search finds, on ../shared/data/xquad
	@$(BIN)/python -m scripts.bench_retrieval $(ARGS)

bench-reading: $(VENV)/.tested ## Measure how long reading PDFs takes, and what memory, on ../shared/data/pdf
	@$(BIN)/python -m scripts.bench_reading $(ARGS)

bench-search: $(VENV)/.tested ## Measure search at 200,000 and 1,000,000 chunks (takes half an hour)
	@$(BIN)/python -m scripts.bench_search $(ARGS)

# --- what the commands above stand on; each stamp is renewed when its lock changes

$(BIN)/python:
	@scripts/make-venv "$(VENV)" "$(PYTHON)"

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@test -e $(VENV)/.tested || { echo "Installing ChatAI's requirements (once, about a minute) ..."; \
	  $(PIP) install $(LOCKED) -r requirements.lock; }
	@$(PIP) install -qq --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.tested: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need (once, about a minute) ..."
	@$(PIP) install $(LOCKED) -r requirements-dev.lock
	@$(PIP) install -qq --no-deps --no-build-isolation --no-index -e .
	@touch $@ $(VENV)/.installed
