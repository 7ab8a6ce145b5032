# Needs make and Python >= 3.11, nothing else: the rest is fetched from the package index and Maven Central.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ROOMS  := shared services/member-svc services/card-svc services/insurance-svc services/claims-svc workflows deploy
STAMP  := $(VENV)/.installed

PACKAGES := shared/unioncard services/member-svc/member_svc services/card-svc/card_svc \
            services/insurance-svc/insurance_svc services/claims-svc/claims_svc workflows/workflows deploy/unioncard_cli \
            deploy/compose deploy/sandbox/partner_sandbox bench
# each room's tests by themselves: rooms may give their test files the same names
TESTS    := shared/tests services/member-svc/tests services/card-svc/tests services/insurance-svc/tests \
            services/claims-svc/tests workflows/tests deploy/tests deploy/sandbox/tests tests

# make faults RUNS=1 SEED=7: that run again; KIND=season: the end of a campaign instead of cards
RUNS ?= 100
SEED ?=
KIND ?= cards
# make bench BENCH="campaign --full": that one alone, with 3,000,000 members
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test up down status lint bench faults walks contracts lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the virtual environment with every pinned dependency

demo: setup ## bring the stack up, take a roster of 1,000 to bank cards, and play the 2020 season at speed
	@$(BIN)/unioncard up --business-day 2019-10-24
	@$(BIN)/unioncard demo

test: lint ## lint, types and every test, on real PostgreSQL, Kafka and Temporal
	@$(BIN)/python -m pytest

up: setup ## start the whole stack and wait until each part answers
	@$(BIN)/unioncard up

down: setup ## stop the stack; its data stay
	@$(BIN)/unioncard down

status: setup ## show every part of the stack
	@$(BIN)/unioncard status || test $$? -eq 3

lint: setup ## ruff, import-linter, mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy $(wildcard $(PACKAGES)) conftest.py
	@for tests in $(wildcard $(TESTS)); do $(BIN)/mypy $$tests || exit 1; done

bench: setup ## measure speed: a table, and JSON in bench/results
	@$(BIN)/python -m bench $(BENCH)

faults: setup ## kill every process at random moments, RUNS=100 times; SEED=n gives the first run's seed
	@$(BIN)/python -m tests.faults --kind $(KIND) --runs $(RUNS) $(if $(SEED),--seed $(SEED))

walks: setup ## walk through seasons and claims at random, RUNS=100 rounds of ten walks; SEED=n gives the first round's seed
	@UNIONCARD_MACHINE_ROUNDS=$(RUNS) UNIONCARD_MACHINE_SEED=$(or $(SEED),any) $(BIN)/python -m pytest --timeout=0 \
		services/insurance-svc/tests/test_season_machine.py services/claims-svc/tests/test_claims_machine.py

contracts: setup ## write docs/asyncapi.json and docs/schemas anew
	@$(BIN)/python -m unioncard.contracts.documents docs

lock: setup ## pin the newest dependencies that fit: requirements.lock and deploy/kafka/jars.lock
	@$(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q \
		-p 3.11 --no-emit-package unioncard --no-emit-package member-svc --no-emit-package card-svc --no-emit-package insurance-svc \
		--no-emit-package claims-svc --no-emit-package unioncard-workflows --no-emit-package unioncard-deploy --group dev \
		$(ROOMS:%=%/pyproject.toml) -o requirements.lock
	@$(BIN)/python -m unioncard_cli.jars

clean: ## stop the stack and remove its data, the virtual environment and all that was fetched
	@test ! -x $(BIN)/unioncard || $(BIN)/unioncard down
	@rm -rf .unioncard .cache $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP): requirements.lock $(ROOMS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "unioncard needs Python 3.11 or newer; '$(PYTHON)' is missing or older. Try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "this Python cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@awk '/^uv==/{p=1; print; next} /^[a-zA-Z0-9]/{p=0} p' requirements.lock > $(VENV)/uv.lock.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock.txt
	@echo "installing the pinned dependencies"
	@$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation $(ROOMS:%=-e %)
	@touch $(STAMP)
