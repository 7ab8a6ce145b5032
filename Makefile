# Needs Python >= 3.11 and make; everything else is fetched from the package index and Maven Central.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ROOMS  := shared services/member-svc services/card-svc workflows deploy
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test up down status lint bench faults contracts lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the virtual environment with every pinned dependency

$(STAMP): requirements.lock $(ROOMS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "unioncard needs Python 3.11 or newer; '$(PYTHON)' is missing or older. Try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "this Python cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@awk '/^uv==/{p=1; print; next} /^[a-zA-Z0-9]/{p=0} p' requirements.lock > $(VENV)/uv.lock.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock.txt
	@echo "installing the pinned dependencies"
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation $(ROOMS:%=-e %)
	@touch $(STAMP)
