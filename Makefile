# Everything hgesim needs, from a bare machine to a trained network. `make` alone lists the targets.

PYTHON ?= python3
export PYTHON
# as if .venv were activated: with `make engine-local` ngspice and ld live there
export PATH := $(CURDIR)/.venv/bin:$(PATH)
-include .venv/ngspice/env

STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup system engine-local netlists demo test test-slow bench lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
	@echo 'PYTHON=python3.12 picks the Python that makes .venv (3.11 or newer)'

setup: system $(STAMP) ## install what is missing: ngspice, ld, .venv with hgesim in it

system:
	@sh .ci/setup.sh system

$(STAMP): pyproject.toml | system
	@sh .ci/setup.sh venv
	@touch $@

engine-local: ## without root: unpack ngspice and what else is missing into .venv
	@sh .ci/setup.sh local

netlists: setup ## put the transistor models and the compiled bond beside the decks of netlists/
	@.venv/bin/python -c 'import sys; from hgesim.engine.fill import main; sys.exit(main(["netlists"]))'

demo: netlists ## train a network on XOR and write a report
	.venv/bin/hgesim learn examples/xor.toml --out runs/demo --force

# pytest comes last and runs even if lint finds something; the exit status tells of both
test: netlists ## style, types, layers, then every test that is not slow
	@lint=0; $(MAKE) --no-print-directory lint || lint=$$?; \
	.venv/bin/python -m pytest -m "not slow" -n auto --dist loadfile && exit $$lint

test-slow: netlists ## the long simulations
	@.venv/bin/python -m pytest -m slow

bench: netlists ## how fast: every figure beside its reference, about half an hour
	.venv/bin/hgesim bench --out runs/bench.json

lint: setup ## style, types and the one way of the layers
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

clean: ## remove what make made; runs other than runs/demo stay
	rm -rf .venv runs/demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	rm -rf netlists/*/models netlists/*/*.osdi netlists/*/*.raw netlists/*/*__behavioral.va*
	find hgesim tests examples -name __pycache__ -prune -exec rm -rf {} +
