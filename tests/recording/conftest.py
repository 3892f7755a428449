"""Recordings to keep, and blobs that nobody's writer would make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.recording import COTANGENT, Origin, Recording, fingerprint

RNG = np.random.default_rng(20240501)
X, DY = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))


def origin_of(x: Any, name: str = "square") -> Origin:
    case = Case(
        name,
        {"X": InputSpec("normal", (4, 3))},
        {"Y": Expression("X * X")},
        "Y",
        ("X",),
        (),
        seed=5,
    )
    return Origin(case, {"X": fingerprint(x), COTANGENT: fingerprint(DY)}, {"gradcmp": "0"})


def square(backend: str = "torch", dtype: Any = np.float32, x: Any = X) -> Recording:
    """Y = X², by hand: dX = 2 X dY."""
    return Recording(
        backend,
        np.dtype(dtype).name,
        {"X": x.astype(dtype), "Y": (x * x).astype(dtype)},
        {"Y": DY.astype(dtype), "X": (2 * x * DY).astype(dtype)},
        {"torch": "2.12.0", "threads": "2"},
        {"total": 0.25},
        origin_of(x),
    )


def raw(header: Any, data: bytes = b"") -> bytes:
    """A safetensors file with any header, right or wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.fixture
def make() -> Callable[..., Recording]:
    return square


@pytest.fixture
def blob_of() -> Callable[..., bytes]:
    return raw


@pytest.fixture(params=[np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def recording(request: pytest.FixtureRequest) -> Recording:
    return square(dtype=request.param)
