"""Every adapter's own way to derivatives beyond the gradient, worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from ways import Way

from gradcmp.backends import Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import DType, Expression
from gradcmp.derivatives import Asked, Derivative
from gradcmp.errors import BackendError
from gradcmp.graph import Graph
from gradcmp.graph.build import assemble
from gradcmp.ops import Array
from gradcmp.recording import Recording

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


@dataclass(frozen=True)
class Worked:
    """A graph, and what its derivatives are by hand."""

    graph: Graph
    inputs: Mapping[str, Array]
    tangents: Mapping[str, Array]
    cotangent: Array
    expected: Mapping[Derivative, Mapping[str, Array]]

    def job(self, derivative: Derivative, mode: str, dtype: DType) -> Job:
        asked = Asked(derivative, self.tangents)
        return Job("side", self.graph, self.inputs, self.cotangent, mode, dtype, asked)


ARRAYS = Worked(
    assemble(("x", "z", "u"), BODY, "y"),
    {"x": x, "z": z, "u": u},
    {"x": vx, "z": vz, "u": vu},
    c,
    EXPECTED,
)
# The output and two inputs are numbers; two inputs are not connected with it.
s, t, vs, vt, dy = (np.asarray(one) for one in RNG.standard_normal(5))
NONE, NONES = np.zeros(()), np.zeros(2)
NUMBERS = Worked(
    assemble(
        ("x", "s", "u", "t"),
        (("unused", Expression("exp(u) * t")), ("y", Expression("sum(x * x) * s"))),
        "y",
    ),
    {"x": x, "s": s, "u": u, "t": t},
    {"x": vx, "s": vs, "u": vu, "t": vt},
    dy,
    {
        "jvp": {"J v[y]": 2 * s * (x @ vx) + x @ x * vs},
        "hvp": {
            **{"H v[x]": dy * 2 * (s * vx + x * vs), "H v[s]": dy * 2 * (x @ vx)},
            **{"H v[u]": NONES, "H v[t]": NONE},
        },
        "jacobian": {"J[y, x]": 2 * s * x, "J[y, s]": x @ x, "J[y, u]": NONES, "J[y, t]": NONE},
        "hessian": {
            **{"H[x, x]": 2 * dy * s * np.eye(2), "H[x, s]": 2 * dy * x, "H[x, u]": O},
            **{"H[s, x]": 2 * dy * x, "H[s, s]": NONE, "H[s, u]": NONES, "H[u, u]": O},
            **{"H[x, t]": NONES, "H[t, x]": NONES, "H[s, t]": NONE, "H[t, t]": NONE},
        },
    },
)


def require_as_by_hand(worked: Worked, way: Way, derivative: Derivative, dtype: DType) -> Recording:
    found = way.backend.record(worked.job(derivative, way.mode, dtype))
    expected = worked.expected[derivative]
    assert found.values.keys() >= expected.keys()
    for name, right in expected.items():
        actual = found.values[name]
        assert actual.dtype == dtype
        assert actual.shape == np.shape(right), name
        assert np.abs(actual - right).max() <= (1e-14 if dtype == "float64" else 1e-5), name
    return found


@pytest.mark.parametrize("derivative", EXPECTED)
def test_by_hand(way: Way, derivative: Derivative) -> None:
    for dtype in ("float64", "float32"):
        found = require_as_by_hand(ARRAYS, way, derivative, dtype)  # type: ignore[arg-type]
        given = derivative in ("jvp", "hvp")
        assert ("v[x]" in found.values) is given
        assert {"unused", "y"} <= found.gradients.keys()  # beside, and not instead


@pytest.mark.thorough
@pytest.mark.parametrize("derivative", EXPECTED)
def test_of_numbers_and_of_what_is_not_connected_by_hand(way: Way, derivative: Derivative) -> None:
    require_as_by_hand(NUMBERS, way, derivative, "float64")


class GradientAlone(NumpyBackend):
    """A plug-in that was written before there was anything but the gradient."""

    name = "alone"
    derive = NumpyBackend.__mro__[1].derive  # type: ignore[attr-defined]


def test_a_backend_that_knows_the_gradient_alone_refuses_all_else() -> None:
    with pytest.raises(BackendError, match="'alone' knows the gradient alone, and no hvp"):
        GradientAlone("cpu").record(ARRAYS.job("hvp", "manual", "float64"))
