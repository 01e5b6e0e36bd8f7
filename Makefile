# Newcomers begin with `make demo` or `make test`. Every target prepares .venv itself, once; bootstrap.py does the work.
# Written for GNU make 3.81, the version in macOS.

PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
BIN := .venv/bin
# Without this the theme advertises another program.
export NO_MKDOCS_2_WARNING := 1
BUF := build/buf/node_modules/.bin/buf
# The inputs of an installation: when one of these changes, it is repeated.
SOURCES := bootstrap.py pyproject.toml proto/build_hook.py $(wildcard proto/levada_api/v1/*.proto)

.PHONY: help demo test lint docs bench lab drills soak misbehaviour fuzz objects clean

help:
	@echo "make demo   run the example pipeline, with its own server and database"
	@echo "make test   run all tests"
	@echo "make matlab build the gateway of the MATLAB client"
	@echo "make dashboard build the page of the dashboard, after a change in server/dashboard"
	@echo "make lint   run every check except the tests"
	@echo "make docs   build the documentation into build/docs"
	@echo "make bench  measure against other packages, and write docs/performance.md; ONLY=read runs one benchmark"
	@echo "make lab    run a lab in a box: two servers with TLS, workers, a bucket, a dashboard and a backup"
	@echo "make drills kill, stop and cut off 64 workers, and check that each key is committed once"
	@echo "make soak   load two servers in every way beside kills, and check what is stored; SECONDS=60 chooses how long, HARSH=1 adds faults"
	@echo "make objects store, copy and collect objects between kills, 10 000 steps on every kind of store; STEPS=500 chooses how many"
	@echo "make fuzz   try mutated inputs in forked processes; TARGET=values SECONDS=600 chooses what and how long"
	@echo "make clean  remove everything that the other commands made"

demo: .venv/installed-demo
	@$(BIN)/python -m examples.grasshopper

test: .venv/installed-dev matlab
	@$(BIN)/python -m pytest -n auto

# A missing library is reported, and the tests that need it are skipped; in CI it is an error.
matlab: .venv/installed-dev
	@$(BIN)/python clients/matlab/mex/build.py $(if $(CI),--require)

# The only list of checks; .ci/run and .pre-commit-config.yaml use it too.
lint: lint-code lint-api lint-types lint-imports lint-docs lint-english lint-licences lint-workflows lint-compose lint-dashboard

.PHONY: lint-code lint-api lint-types lint-imports lint-docs lint-english lint-licences lint-workflows lint-compose buf-lint
lint-code: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-api: .venv/installed-dev
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory buf-lint; \
	elif [ -n "$$CI" ]; then echo "levada: buf needs npm" >&2; exit 1; \
	else echo "levada: buf is left out, because npm is not installed" >&2; fi
	$(BIN)/python proto/release.py check

# buf reads the compiled files, because its own compiler does not find google/rpc/*.proto.
buf-lint: $(BUF)
	$(BUF) lint build/generated/levada_api.binpb --config proto/buf.yaml --path levada_api
	$(BUF) breaking build/generated/levada_api.binpb --against "$$($(BIN)/python proto/release.py last)" \
		--config proto/buf.yaml --against-config proto/buf.yaml --path levada_api

lint-types: .venv/installed-dev
	$(BIN)/mypy

lint-imports: .venv/installed-dev
	$(BIN)/lint-imports

lint-docs: .venv/installed-dev
	$(BIN)/mkdocs build --quiet --strict

lint-english: .venv/installed-dev
	$(BIN)/python .ci/english.py

lint-licences: .venv/installed-dev
	$(BIN)/python .ci/licences.py

# The dashboard's page is committed as it is built, so that only a change of it needs npm.
DASHBOARD := server/dashboard
.PHONY: dashboard lint-dashboard check-dashboard
dashboard: .venv/installed-dev $(DASHBOARD)/node_modules/.installed $(BUF)
	@rm -rf $(DASHBOARD)/src/api/generated
	@$(BUF) generate build/generated/levada_api.binpb --template $(DASHBOARD)/buf.gen.yaml
	@npm --prefix $(DASHBOARD) run --silent build -- --logLevel warn

lint-dashboard: .venv/installed-dev
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-dashboard; \
	elif [ -n "$$CI" ]; then echo "levada: the dashboard needs npm" >&2; exit 1; \
	else echo "levada: the dashboard is left out, because npm is not installed" >&2; fi

check-dashboard: dashboard
	@npm --prefix $(DASHBOARD) run --silent check -- --output human
	@git diff --exit-code --stat -- server/levada_server/rpc/web/page || \
		{ echo "levada: the committed page differs from its source; run make dashboard and commit it" >&2; exit 1; }

$(DASHBOARD)/node_modules/.installed: $(DASHBOARD)/package-lock.json
	@npm ci --prefix $(DASHBOARD) --no-audit --no-fund --silent
	@touch $@

# actionlint reads them too, in the workflow itself: its package loads the program from elsewhere.
lint-workflows: .venv/installed-dev
	$(BIN)/zizmor --quiet --offline --persona pedantic .github/workflows

# The file fits the Compose specification; warnings are about the order of lines.
DCLINT := build/dclint/node_modules/.bin/dclint
lint-compose:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(DCLINT) && $(DCLINT) --quiet docker-compose.yml; \
	elif [ -n "$$CI" ]; then echo "levada: dclint needs npm" >&2; exit 1; \
	else echo "levada: dclint is left out, because npm is not installed" >&2; fi

$(DCLINT):
	@npm install --prefix build/dclint --no-save --no-audit --no-fund --silent 'dclint@~3.1.0'

# The last step before a release is tagged; docs/releasing.md has the others.
.PHONY: release-descriptors
release-descriptors: .venv/installed-dev
	@$(BIN)/python proto/release.py keep

docs: .venv/installed-dev
	@$(BIN)/mkdocs build --quiet --strict
	@echo "levada: open build/docs/index.html"

bench: .venv/installed-bench
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY),--write)

lab: .venv/installed-dev
	@$(BIN)/python -m benchmarks.lab

drills: .venv/installed-dev
	@$(BIN)/python -m benchmarks.drills
	@if command -v octave-cli >/dev/null; then $(BIN)/python -m benchmarks.drill_matlab; fi

objects: .venv/installed-dev
	@LEVADA_OBJECT_STEPS=$(or $(STEPS),10000) $(BIN)/python -m pytest -n 0 tests/operations/test_object_machine.py

soak: .venv/installed-dev
	@$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),330) $(if $(HARSH),--harsh)

misbehaviour: .venv/installed-dev
	@$(BIN)/python -m benchmarks.misbehaviour --seconds $(or $(SECONDS),60)

fuzz: .venv/installed-dev
	@$(BIN)/python -m tests.fuzz $(or $(TARGET),arrow) --seconds $(or $(SECONDS),60)

# Folders .levada hold data of users, so they are kept.
clean:
	rm -rf .venv build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -f clients/matlab/toolbox/+levada/+internal/+calls/levada_gateway.mex*

# The extra dev contains everything that the demo needs.
.venv/installed-demo: EXTRAS := server,examples
.venv/installed-dev: EXTRAS := dev
.venv/installed-bench: EXTRAS := dev,bench
.venv/installed-demo .venv/installed-dev .venv/installed-bench: $(SOURCES)
	@if [ -z "$(PYTHON)" ]; then echo "levada: Python 3.11 or newer is needed, and PATH has none" >&2; exit 1; fi
	@"$(PYTHON)" bootstrap.py "$(EXTRAS)"
	@touch $@ $(if $(findstring dev,$(EXTRAS)),.venv/installed-demo .venv/installed-dev)

# A store of Azure's kind for the tests, which leave it out where it is missing.
azurite: build/azurite/node_modules/.package-lock.json
build/azurite/node_modules/.package-lock.json:
	@npm install --prefix build/azurite --no-save --no-audit --no-fund --silent 'azurite@~3.37.0'

$(BUF):
	@npm install --prefix build/buf --no-save --no-audit --no-fund --silent '@bufbuild/buf@~1.75.0'
