# `make run` serves the site, `make test` judges it. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help run test lint format lock bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## Serve the site on http://localhost:8000 (PORT=… changes it)
	@scripts/run-setup.sh
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0
	@exec $(BIN)/gunicorn -c gunicorn.conf.py

test: $(VENV)/.test ## Ruff, mypy, import-linter, pytest with coverage
	scripts/test-setup.sh
	$(MAKE) --no-print-directory lint
	PATH="$(CURDIR)/var/node/bin:$$PATH" $(BIN)/python -m pytest -n 2 --dist loadscope --cov --cov-report=term --durations=10

lint: $(VENV)/.test ## Ruff, mypy strict and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/readme_tables.py --check
	$(BIN)/python scripts/third_party.py --check

format: $(VENV)/.test ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/readme_tables.py

lock: $(VENV)/.test ## Compile requirements*.txt anew, with hashes
	scripts/lock.sh

bench: $(VENV)/.test ## Measure the pages: requests a second, p50 and p95
	$(BIN)/python -m benchmarks.pages

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) var tests/judge/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage

$(VENV)/bin/python:
	@scripts/venv.sh $(PYTHON) $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.test: requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.run
