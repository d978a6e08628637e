# Two commands matter: `make report` measures, judges and renders; `make test` proves.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
READY := .venv/ready

.PHONY: report test lab check bench serve lock clean
.DELETE_ON_ERROR:

report: $(READY)
	$(BIN)/perflib run --report

# half of the suite waits for servers, chains and browsers; one campaign serves the last folder
test: $(READY)
	$(BIN)/pytest -q -n 3 --dist loadfile --ignore=tests/performance
	$(BIN)/pytest -q tests/performance

lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir=notebooks

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_architecture.py

# make bench, or make bench BENCH="load report"
bench: $(READY)
	$(BIN)/python -m tests.benchmarks $(BENCH)

serve: $(READY)
	$(BIN)/perflib serve

# needs uv; one lock serves every system and Python
lock:
	uv pip compile --quiet --universal --python-version 3.11 --group dev --all-extras \
		--no-header --no-annotate -o requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "perflib needs Python 3.11, 3.12 or 3.13; none was found" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "compiling the change detection once"
	@$(BIN)/python -c "from perflib.analysis import change_points; change_points([1.0] * 40)"
	@touch $(READY)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist
