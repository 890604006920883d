# Every target makes its own set-up: a bare clone and Python 3.11, 3.12 or 3.13 are enough.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# One worker a core, each with one thread; tests of one file stay together, since they share what they train, and the files
# that take longest begin first.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: setup demo serve test test-all check fields docs dist first-hour benchmark clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/langue demo

# The demo's models and a page to use them by, or those of RUN=runs/shakespeare.
serve: $(STAMP)
	test -n "$(RUN)" || test -d runs/demo || $(BIN)/langue demo
	$(BIN)/langue serve $(or $(RUN),runs/demo/*-nano)

test: $(STAMP)
	$(PYTEST)

test-all: $(STAMP)
	$(PYTEST) -m 'slow or not slow'

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_style.py

# What is made from the settings of recipes: the page of all fields, and the schema for editors.
fields: $(STAMP)
	$(BIN)/langue recipe fields --markdown > docs/recipe.md
	$(BIN)/langue recipe fields --schema > src/langue/recipes/schema.json

# The site of the documentation, in build/site.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The wheel, and a try of it where nothing of this repository is at hand.
dist: $(STAMP)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/python tests/try_wheel.py dist/*.whl

# Five people who do their jobs by the tutorials alone, from the wheel: make first-hour DATA=folder MINILM=folder
first-hour: dist
	for person in student linguist engineer reader cluster_user; do \
	  MINILM=$(MINILM) $(BIN)/python tests/first_hour/$$person.py dist/*.whl $(DATA) $(SECONDS) || exit 1; done

benchmark: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[benchmark]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .ruff_cache
