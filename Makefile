# `make demo` and `make test` set up .venv by themselves, then run.
PYTHON ?= python3
BIN := .venv/bin
# A photograph that scikit-learn ships; `make demo PHOTO=mine.jpg` takes yours.
SAMPLE = from importlib.util import find_spec as f; \
	print(f("sklearn").submodule_search_locations[0] + "/datasets/images/china.jpg")
PAGE := styletransfer/web/page/index.html
CHROMIUM ?= $(firstword $(foreach name,chromium chromium-browser google-chrome,\
	$(shell command -v $(name))))
PHOTO ?= $(shell $(BIN)/python -c '$(SAMPLE)')

.PHONY: demo test lint docs test-docs web test-web clean

demo: .venv/demo-ready
	@$(BIN)/styletransfer contact-sheet "$(PHOTO)" -o demo/gallery.png --overwrite

test: .venv/dev-ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation as a site. A broken link fails.
docs: .venv/docs-ready
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "wrote build/site/index.html"

# Every command of the documentation, those that take minutes among them.
test-docs: .venv/dev-ready
	STYLETRANSFER_TEST_DOCS=1 $(BIN)/python -m pytest -n 2 --dist load tests/docs

# The page that paints in a browser, which `styletransfer web` serves.
web: $(PAGE)

test-web: $(PAGE) .venv/dev-ready
	@test -n "$(CHROMIUM)" || { echo "make test-web needs Chromium, and found none"; exit 1; }
	CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest web/tests

$(PAGE): web/node_modules/ready $(wildcard web/*.* web/public/* web/src/* web/src/worker/*) \
		checkpoints/gallery.onnx checkpoints/gallery.fp16.onnx
	@cd web && npm run --silent check && npm run --silent build

web/node_modules/ready: web/package-lock.json
	@command -v npm >/dev/null || { echo "The page needs Node 20 or newer, with npm"; exit 1; }
	@cd web && npm ci --silent
	@touch $@

clean:
	rm -rf .venv build dist demo web/node_modules styletransfer/web/page

# Small and quick: the demo needs neither torch nor any tool of the developers.
.venv/demo-ready: pyproject.toml | .venv/bin/python
	@echo "Setting up .venv for the demo ..."
	@$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

.venv/dev-ready: pyproject.toml | .venv/bin/python
	@echo "Setting up .venv with torch and the tests' tools: some minutes and 6 GB ..."
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/demo-ready

.venv/docs-ready: pyproject.toml | .venv/bin/python
	@echo "Setting up .venv for the documentation ..."
	@$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.venv/bin/python:
	@$(PYTHON) -m venv .venv
