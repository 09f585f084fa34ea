# Everything runs in .venv, which is made when it is missing and brought up to date when a requirements file changes.
# PYTHON=/path/to/python3 chooses the interpreter; ARGS="-k name" goes to pytest.

.DEFAULT_GOAL := help
.PHONY: help run test test-long lint openapi bundle bundle-test infra-test browser-test drills bench-returns bench-audit bench-products bench-images bench-prices bench-storefront bench-cold-start costs simulate lock clean

BIN := .venv/bin
INSTALLED := .venv/.installed
CHECKOV := build/checkov-3.3.30/bin/checkov
LOCK := --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links --annotation-style=line
USABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

run: $(INSTALLED) ## The whole system on http://127.0.0.1:8080 (PORT=, DATA_DIR=, SEED=none, LOG=1)
	@exec $(BIN)/python -m infra.local

# By file, as fixtures are shared by a file's tests; not the largest files first, as few tests may take long (tests/e2e).
PYTEST := $(BIN)/python -m pytest --ignore=tests/benchmarks --ignore=tests/bundle --ignore=tests/infra --ignore=tests/browser -n logical --dist loadfile --no-loadscope-reorder

test: $(INSTALLED) ## Tests, on all processors, but those of test-long (ARGS=-n0: in one process)
	@$(PYTEST) -m "not long" $(ARGS)

# Each campaign's first seed, and as many examples as there is time for, are in `make test`.
test-long: $(INSTALLED) ## What takes longer: costs, 72 hours, Google's emulator, the API's document, more seeds
	@FAULT_SEEDS=2 STOREFRONT_FAULT_SEEDS=1,2 STOREFRONT_REBUILDS=100 GENERATIONS_EXAMPLES=20 \
		CONVERGENCE_EXAMPLES=15 PARITY_ROUNDS=2 $(PYTEST) -m "long or campaign" $(ARGS)

lint: $(INSTALLED) ## Style, types and the rules of who may import whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@! grep -q '^\[tool\.importlinter' pyproject.toml || $(BIN)/lint-imports

openapi: $(INSTALLED) ## docs/openapi.json, made of the routes and models
	@$(BIN)/python -m docs.openapi

costs: $(INSTALLED) ## docs/costs.md, made of counted work, list prices and the topology
	@$(BIN)/python -m docs.costs

simulate: $(INSTALLED) ## A sale day in the task queues, with an outage and a slow index: docs/scale.md
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@$(BIN)/python -m tests.benchmarks.simulation $(ARGS)

bundle: $(INSTALLED) ## build/backstock.zip, which Terraform deploys: the same bytes for the same files
	@$(BIN)/python -m infra.bundle

bundle-test: $(INSTALLED) ## The bundle in an environment of its own, every function of it at work (PYTHON= chooses its Python)
	@PYTHON="$(PYTHON)" $(BIN)/python -m pytest tests/bundle $(ARGS)

# In an environment of its own, since it pins a hundred packages.
$(CHECKOV): | $(INSTALLED)
	@$(BIN)/python -m venv --clear $(@D)/..
	@$(@D)/pip install --quiet --disable-pip-version-check $(patsubst build/checkov-%/bin/checkov,checkov==%,$@)

# Initialised beside infra/, so that a deployment's own .terraform and lock file stay as they are. By groups, as all tests
# that look at a plan share it.
infra-test: $(INSTALLED) $(CHECKOV) ## Terraform, checked without a cloud (needs it): types, tests, grants, policies, and mistakes
	@command -v terraform >/dev/null || { \
		echo "Terraform 1.9 or newer is needed: https://developer.hashicorp.com/terraform/install" >&2; exit 1; }
	@mkdir -p build/infra && cp infra/versions.tf build/infra
	@echo "Bringing the provider that infra/versions.tf asks for"
	@terraform -chdir=build/infra init -backend=false -input=false -upgrade -no-color >build/infra/init.log 2>&1 || { \
		cat build/infra/init.log >&2; exit 1; }
	@TF_DATA_DIR=$(CURDIR)/build/infra/.terraform CHECKOV=$(CURDIR)/$(CHECKOV) \
		$(BIN)/python -m pytest tests/infra -n logical --dist loadgroup $(ARGS)

# Playwright without a browser of its own; pictures of what failed, and of every page, are in build/browser.
browser-test: $(INSTALLED) ## The operators' page in a real browser, with accessibility checks (needs Chromium: CHROMIUM=)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	@$(BIN)/python -m pytest tests/browser -n logical --dist loadfile $(ARGS)

drills: $(INSTALLED) ## The drills of docs/operations.md, with their logs (DRILL_MINUTES=10: of load and kills, DRILL_SEED=)
	@$(BIN)/python -m pytest tests/e2e/drills -n0 -s $(ARGS)

bench-returns: $(INSTALLED) ## Returns sync, measured: speed, cost, and the per-document way beside it
	@$(BIN)/python -m tests.benchmarks.returns $(ARGS)

bench-audit: $(INSTALLED) ## The audit of the index, measured: beside both sides in memory
	@$(BIN)/python -m tests.benchmarks.audit $(ARGS)

bench-products: $(INSTALLED) ## Catalog, measured: beside FastAPI with SQLAlchemy and Redis, and beside a hello world
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@$(BIN)/python -m tests.benchmarks.products $(ARGS)

# npm's sharp is measured beside the renderer; nothing of it is part of the product.
bench-images: $(INSTALLED) ## Rendering of images, measured: beside npm's sharp (needs Node 20)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@npm install --prefix tests/benchmarks/images --no-package-lock --no-audit --no-fund --silent
	@$(BIN)/python -m tests.benchmarks.images $(ARGS)

bench-cold-start: $(INSTALLED) ## Cold start of each function, beside one that does nothing and one that imports everything (PYTHON=)
	@$(BIN)/python -m tests.benchmarks.cold_start $(if $(PYTHON),--python "$(PYTHON)") $(ARGS)

bench-storefront: $(INSTALLED) ## Price feeds to storefronts, measured: and a main page that is read recursively beside it
	@$(BIN)/python -m tests.benchmarks.storefront $(ARGS)

bench-prices: $(INSTALLED) ## Feeds of prices, measured: a million lines, beside a loop with csv and pydantic
	@$(BIN)/python -m tests.benchmarks.prices $(ARGS)

# What is deployed is pinned by hash too: those of every file of the public index, so that any platform finds its own.
lock: $(INSTALLED) ## Pin again what pyproject.toml asks for
	@$(BIN)/pip-compile $(LOCK) --generate-hashes --output-file requirements.txt pyproject.toml
	@$(BIN)/pip-compile $(LOCK) --extra dev --constraint requirements.txt --allow-unsafe \
		--output-file requirements-dev.txt pyproject.toml
	@$(BIN)/pip-compile $(LOCK) --extra bench --constraint requirements-dev.txt \
		--output-file requirements-bench.txt pyproject.toml
	@$(BIN)/pip-compile $(LOCK) --extra browser --constraint requirements-dev.txt \
		--output-file requirements-browser.txt pyproject.toml

clean: ## Remove .venv, caches and the local cloud's data
	@rm -rf build tests/benchmarks/images/node_modules .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp comes last: an installation that was interrupted is begun again.
$(INSTALLED): requirements.txt requirements-dev.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		for python in "$(PYTHON)" python3 python3.13 python3.12 python3.11; do \
			if [ -n "$$python" ] && "$$python" -c '$(USABLE)' 2>/dev/null; then \
				echo "Making .venv with $$("$$python" --version)"; exec "$$python" -m venv --clear .venv; \
			fi; \
			if [ -n "$$python" ] && [ "$$python" = "$(PYTHON)" ]; then break; fi; \
		done; \
		echo "Python 3.11, 3.12 or 3.13 (with venv) is needed and was not found." >&2; \
		echo "Install one, or say where it is: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing what requirements-dev.txt pins"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
