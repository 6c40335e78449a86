# tiktok_hub: `make help` lists what can be done. Needs make and Python 3.11 or newer; everything else is installed into .venv.

PYTHON ?= python3
PORT ?= 8000
SERVE ?= 1
ROWS ?=
ARGS ?=

PY := .venv/bin/python
BOOTSTRAP = @command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "No $(PYTHON) was found. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)."; exit 1; }; \
	$(PYTHON) -I tiktok_hub/hub/bootstrap.py
LOCK = $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check bench lock clean install install-dev

help: ## list what can be done (this text)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo PORT=8080        on another port"
	@echo "  make demo SERVE=0          end after the outcome; the exit status says whether the numbers add up"
	@echo "  make test ARGS='-k hash'   pass arguments to pytest"
	@echo "  make bench ROWS=100000     a quick benchmark"

demo: install ## set up everything, deliver demo orders to a TikTok on this machine, and keep serving
	@$(PY) manage.py demo --port $(PORT) $(if $(filter 0 no false,$(SERVE)),--no-serve)

test: install-dev ## run all tests on SQLite, then on PostgreSQL, with a Valkey broker
	@$(PY) -m tests.run $(ARGS)

check: install-dev ## linters, types, import layers, migrations, system checks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy manage.py tiktok_hub destinations orchestrations
	.venv/bin/lint-imports
	$(PY) -m djlint --quiet --lint tiktok_hub destinations orchestrations
	HUB_DATA_DIR=.data/check $(PY) manage.py makemigrations --check --dry-run
	HUB_DATA_DIR=.data/check $(PY) manage.py check
	HUB_DATA_DIR=.data/check HUB_PUBLIC_URL=https://hub.example.com ALLOWED_HOSTS=hub.example.com \
	  $(PY) -W error manage.py check --deploy --fail-level WARNING

bench: install-dev ## measure preparation, delivery and the collector against plain Python, and pages
	@$(PY) -m tests.benchmark $(if $(ROWS),--rows $(ROWS))

lock: install-dev ## write requirements*.txt anew from requirements*.in
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

clean: ## remove .venv, caches and the demo's data (other data stays)
	rm -rf .venv .data/demo .data/check .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: ## only make .venv
	$(BOOTSTRAP) requirements.txt

install-dev:
	$(BOOTSTRAP) requirements.txt requirements-dev.txt
