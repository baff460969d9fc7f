# `make demo` and `make test` set up .venv by themselves, then run.
PYTHON ?= python3
BIN := .venv/bin
# A photograph that scikit-learn ships; `make demo PHOTO=mine.jpg` takes yours.
SAMPLE = from importlib.util import find_spec as f; \
	print(f("sklearn").submodule_search_locations[0] + "/datasets/images/china.jpg")
PHOTO ?= $(shell $(BIN)/python -c '$(SAMPLE)')

.PHONY: demo test lint clean

demo: .venv/demo-ready
	@$(BIN)/styletransfer contact-sheet "$(PHOTO)" -o demo/gallery.png --overwrite

test: .venv/dev-ready
	$(BIN)/python -m pytest

lint: .venv/dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist demo

# Small and quick: the demo needs neither torch nor any tool of the developers.
.venv/demo-ready: pyproject.toml | .venv/bin/python
	@echo "Setting up .venv for the demo ..."
	@$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

.venv/dev-ready: pyproject.toml | .venv/bin/python
	@echo "Setting up .venv with torch and the tests' tools: some minutes and 6 GB ..."
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/demo-ready

.venv/bin/python:
	@$(PYTHON) -m venv .venv
