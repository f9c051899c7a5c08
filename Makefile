# Every target is one call; the environment is built from pinned, hashed requirements.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test dev evaluate bench
demo: .venv/run.stamp
	@$(BIN)/imagesignals demo

dev: .venv/run.stamp
	@$(BIN)/imagesignals dev

test: .venv/test.stamp
	@$(BIN)/python -m imagesignals_pipeline_tests

evaluate: .venv/test.stamp
	@$(BIN)/python -m imagesignals_pipeline_tests.evaluation

bench: .venv/test.stamp
	@$(BIN)/python -m imagesignals_pipeline_tests.benchmarks

.venv/run.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14) and "Python 3.11 to 3.14 is needed: make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.txt requirements-celery.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt -r requirements-celery.txt
	@touch $@
