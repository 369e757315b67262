# Each target is one line that a person could type. `make` sets up all that a target needs.
.DEFAULT_GOAL := help
.PHONY: help setup demo test faults check format bench kafka generate native interpreted clean
PYTHON ?= python3
BIN := .venv/bin

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## make the virtual environment .venv with everything in it

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Floorpulse needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/ready ## a simulated floor, live in the terminal: no Docker, no Java
	$(BIN)/floorpulse demo

test: .venv/ready ## all tests but `faults`; those on a real Kafka fetch it with Maven (Java 17+), else skip and say so
	$(BIN)/python -m pytest

faults: .venv/ready ## kill, pause and damage workers on a real Kafka, and recount: some minutes
	$(BIN)/python -m pytest -m faults

check: .venv/ready ## lint, format, types, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.generate --check

format: .venv/ready ## mend lint and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: .venv/ready ## write docs/metrics.md, docs/events.md and docs/settings.md anew
	$(BIN)/python -m docs.generate

native: .venv/ready ## compile the fold: a third more events a second; needs a C compiler
	$(BIN)/python -m deploy.native

interpreted: .venv/ready ## run the sources again, after `make native`
	$(BIN)/python -m deploy.native --remove

bench: .venv/ready ## events per second of decode, fold and replay, bytes per contact; docs/benchmarks.md has the long ones
	$(BIN)/python -m bench

kafka: .venv/ready ## run a real Apache Kafka on 127.0.0.1:9092 until Ctrl-C
	$(BIN)/python -m tests.kafka_broker

clean: ## remove everything that make made
	rm -rf *.so models/*.so .venv .kafka .mypy_cache .ruff_cache .pytest_cache .hypothesis dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
