"""What tests of several rooms need."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import lru_cache

import pytest

from gradcmp.backends.base import Backend
from gradcmp.backends.registry import BUILT_IN, backend_class

REQUIRED = os.environ.get("GRADCMP_REQUIRE", "").split(",")  # absent is then a failure


@lru_cache
def load(name: str) -> Backend:
    """Return an adapter on the CPU, imported once for the whole run."""
    adapter = backend_class(name)
    if not adapter.installed() and name not in REQUIRED:
        pytest.skip(f"{name} is not installed")
    os.environ.update(adapter.environment_variables)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a framework says while it loads is its own affair
        return adapter("cpu")


@pytest.fixture(scope="session")
def adapter() -> Callable[[str], Backend]:
    """Return the function that gives an adapter by name, or skips where it is missing."""
    return load


@pytest.fixture(scope="session", params=[name for name in BUILT_IN if name != "numpy"])
def framework(request: pytest.FixtureRequest) -> Backend:
    """Return the adapter of each framework."""
    return load(request.param)


@pytest.fixture(scope="session")
def every_framework() -> None:
    """Skip where a framework is missing; fail where it is required."""
    for name in BUILT_IN:
        if not backend_class(name).installed():
            (pytest.fail if name in REQUIRED else pytest.skip)(f"{name} is not installed")
