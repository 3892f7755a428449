"""Every adapter's own way to derivatives beyond the gradient, worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from ways import Way

from gradcmp.backends import Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import DType, Expression
from gradcmp.derivatives import Asked, Derivative
from gradcmp.errors import BackendError
from gradcmp.graph.build import assemble
from gradcmp.ops import Array

RNG = np.random.default_rng(3)
x, z, u, vx, vz, vu, c = RNG.standard_normal((7, 2))
O = np.zeros((2, 2))  # noqa: E741  as in every textbook
BODY = (("unused", Expression("exp(u)")), ("y", Expression("x * x * z + z")))
EXPECTED: Mapping[Derivative, Mapping[str, Array]] = {
    "jvp": {"J v[y]": 2 * x * z * vx + (x * x + 1) * vz},
    "hvp": {"H v[x]": c * (2 * z * vx + 2 * x * vz), "H v[z]": c * 2 * x * vx, "H v[u]": O[0]},
    "jacobian": {"J[y, x]": np.diag(2 * x * z), "J[y, z]": np.diag(x * x + 1), "J[y, u]": O},
    "hessian": {
        **{"H[x, x]": np.diag(2 * c * z), "H[x, z]": np.diag(2 * c * x), "H[x, u]": O},
        **{"H[z, x]": np.diag(2 * c * x), "H[z, z]": O, "H[z, u]": O},
        **{"H[u, x]": O, "H[u, z]": O, "H[u, u]": O},
    },
}
GRAPH = assemble(("x", "z", "u"), BODY, "y")


def job(derivative: Derivative, mode: str, dtype: DType) -> Job:
    asked = Asked(derivative, {"x": vx, "z": vz, "u": vu})
    return Job("side", GRAPH, {"x": x, "z": z, "u": u}, c, mode, dtype, asked)


@pytest.mark.parametrize("derivative", EXPECTED)
def test_by_hand(way: Way, derivative: Derivative) -> None:
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-5)):
        found = way.backend.record(job(derivative, way.mode, dtype))  # type: ignore[arg-type]
        assert found.values.keys() >= EXPECTED[derivative].keys()
        for name, expected in EXPECTED[derivative].items():
            actual = found.values[name]
            assert actual.dtype == dtype
            assert actual.shape == expected.shape, name
            assert np.abs(actual - expected).max() <= tolerance, name
        given = derivative in ("jvp", "hvp")
        assert ("v[x]" in found.values) is given
        assert {"unused", "y"} <= found.gradients.keys()  # beside, and not instead


class GradientAlone(NumpyBackend):
    """A plug-in that was written before there was anything but the gradient."""

    name = "alone"
    derive = NumpyBackend.__mro__[1].derive  # type: ignore[attr-defined]


def test_a_backend_that_knows_the_gradient_alone_refuses_all_else() -> None:
    with pytest.raises(BackendError, match="'alone' knows the gradient alone, and no hvp"):
        GradientAlone("cpu").record(job("hvp", "manual", "float64"))
