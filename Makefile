# `make run` and `make test` are all that CI needs; `make quick` is the inner loop. Each sets up
# .venv first, from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Some systems ship a venv module without ensurepip; the system's own pip then brings one in.
WITHOUT_ENSUREPIP = { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

# A hundred processes start in a run of the tests: each would compile what no other has written.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test thorough quick install lint clean
.DELETE_ON_ERROR:

run: $(INSTALLED)
	$(BIN)/gradcmp run configs/seed.yaml

# What is named here fails where it is missing; without it its tests would be skipped.
GRADCMP_REQUIRE ?= tensorflow,torch,jax
export GRADCMP_REQUIRE

test: lint
	@echo "The whole suite: about 20 to 25 minutes on two cores. In a hurry: make quick, about one."
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		--durations=25 -m "not thorough"

# What `make test` leaves out: more dtypes, torch's own samples, more moments at which to be killed.
thorough: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m thorough

# No framework, no browser, about a minute. Without make: python -m pytest -m quick
# Two processes have a core each: threads of a BLAS would wait for those of the other.
quick: $(INSTALLED)
	GRADCMP_EXAMPLES=10 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -m quick

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing TensorFlow, PyTorch, JAX and the tools of the tests into $(VENV):" \
		"about 4 GB on disk, 2 to 5 minutes."
	$(PYTHON) -m venv $(VENV) || $(WITHOUT_ENSUREPIP)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[all,dev,modules]'
	touch $@

clean:
	rm -rf $(VENV)
