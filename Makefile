# Two commands: `make quickstart` (photos in, refined faces out) and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BAZEL_TESTS ?= //...
# Most tests keep one core busy; a process needs up to 2 GB. A file's tests share their fixtures, and
# files come in the order that tests/conftest.py puts them in.
PARALLEL ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
PYTHON_215 ?= python3.11
VENV_215 ?= .venv215
TESTS_215 := tests/config tests/export tests/folders/test_refine.py tests/gan tests/loop \
	tests/service tests/serving tests/trainer/test_task.py tests/training tests/embedders/test_dlib_graph.py

.PHONY: quickstart check test coverage test-215 package bazel lint docs bench clean

$(VENV)/.installed: setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

quickstart: $(VENV)/.installed
	$(BIN)/python -m trainer.quickstart --output=runs/quickstart

# While working: lint, types and the tests that take no time.
check: $(VENV)/.installed lint
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

test: $(VENV)/.installed lint
	$(BIN)/python -m pytest $(PARALLEL)

coverage: $(VENV)/.installed
	$(BIN)/python -m pytest $(PARALLEL) --cov

# TensorFlow 2.15 with Keras 2 and tensorflow-addons (Python 3.11): what these touch.
$(VENV_215)/.installed: setup.py
	$(PYTHON_215) -m venv $(VENV_215)
	$(VENV_215)/bin/python -m pip install --quiet --upgrade pip
	$(VENV_215)/bin/python -m pip install --quiet --editable '.[test,addons]'
	touch $@

test-215: $(VENV_215)/.installed
	$(VENV_215)/bin/python -m pytest $(PARALLEL) $(TESTS_215)

# The site, in build/docs; a warning is an error.
$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "docs: $$(find build/docs -name '*.html' | wc -l) pages in build/docs"

# Wheel and source archive, the wheel tried in an environment with nothing else in it.
package: $(VENV)/.installed
	rm -rf build/package dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python -c "import setuptools.build_meta as b; b.build_sdist('dist')"
	$(PYTHON) -m venv build/package
	build/package/bin/python -m pip install --quiet dist/*.whl
	cd build && package/bin/python -m dagan_tf.selfcheck
	ls dist

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.simulator_speed
	$(BIN)/python -m benchmarks.serving_overhead
	$(BIN)/python -m benchmarks.inference_speed
	$(BIN)/python -m benchmarks.metrics_speed
	$(BIN)/python -m benchmarks.demo_speed
	$(BIN)/python -m benchmarks.startup_speed

# Debian's bazel-bootstrap is enough, without network; see third_party/bazel4.
bazel: $(VENV)/.installed
	PATH="$(abspath $(BIN)):$$PATH" bazel build //...
	PATH="$(abspath $(BIN)):$$PATH" bazel test $(BAZEL_TESTS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf runs build dist *.egg-info
