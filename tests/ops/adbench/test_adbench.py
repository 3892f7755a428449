"""Objectives and derivatives that ADBench publishes for its small inputs.

Inputs and expected numbers are those of microsoft/ADBench (MIT licence, Microsoft Corporation):
data/gmm/test.txt, data/ba/test.txt, test/cpp/modules/common/GmmTests.cpp and BaTests.cpp.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from objectives import differentiated, jacobian, numbers

from gradcmp.ops import Array

# A mixture of three Gaussians in two dimensions; of one factor of an inverse covariance `icf` has
# the logarithms of the diagonal, then what is below it. The prior has gamma = 1 and m = 0.
GMM = {
    "q": "icf[:, :2]",
    "l": "icf[:, 2]",
    "centred": "expand_dims(x, 0) - means",
    "first": "exp(q[:, 0]) * centred[:, 0]",
    "second": "exp(q[:, 1]) * centred[:, 1] + l * centred[:, 0]",
    "inner": "alphas + sum(q, axis=1) - (first**2 + second**2) / 2",
    "likelihood": "logsumexp(inner) - logsumexp(alphas) - log(2 * pi)",
    "frobenius": "sum(exp(2 * q)) + sum(l**2)",
    # C = n p log(gamma / sqrt 2) - log Gamma_2(n / 2), where p = 2 and n = p + m + 1 = 3
    "c": "-3 * log(2) - (log(pi) / 2 + lgamma(three_halves) + lgamma(one))",
    "objective": "likelihood + frobenius / 2 - 3 * c",
}
GMM_INPUTS = {
    "alphas": [-0.649014, 1.181166, -0.758453],
    "means": [[0.092339, 0.186260], [0.345561, 0.396767], [0.538817, 0.419195]],
    "icf": [
        [0.586443, -0.851887, 0.800321],
        [-1.509405, 0.875874, -0.242790],
        [0.166813, -1.965419, -1.270071],
    ],
    "x": [1.175171, 2.029160],
    "three_halves": 1.5,
    "one": 1.0,
}
GMM_OBJECTIVE = 8.07380408004975791
GMM_GRADIENT = """
    1.08662855508652456e-01 -7.41270039523898472e-01 6.32607184015246071e-01
    1.11692576532787013e+00 1.63333013551455269e-01 -2.19989824071193142e-02
    2.27778292254236098e-01 1.20963025612832187e+00 -6.06375920733956339e-02
    2.58529994051162237e+00 1.12632694524213789e-01 3.85744309849611777e-01
    7.35180573182305508e-02 5.41836362715595232e+00 -3.21494409677446469e-01
    1.71892309775004937e+00 8.60091090790866875e-01 -9.94640930466322848e-01
"""

# Bundle adjustment of one observation: a camera with rotation, center, focal length, principal
# point and two radial coefficients sees a point.
BA = {
    "theta": "norm(rot)",
    "w": "rot / theta",
    "v": "point - center",
    "cross": "stack([w[1]*v[2] - w[2]*v[1], w[2]*v[0] - w[0]*v[2], w[0]*v[1] - w[1]*v[0]])",
    "turned": "v * cos(theta) + cross * sin(theta) + w * sum(w * v) * (1 - cos(theta))",
    "flat": "turned[:2] / turned[2]",
    "squared": "sum(flat**2)",
    "bent": "flat * (1 + radial[0] * squared + radial[1] * squared**2)",
    "error": "weight * (focal * bent + principal - feature)",
}
BA_INPUTS = {
    "rot": [1.797201, 0.590697, -0.635786],
    "center": [90.859550, 29.361415, 28.777534],
    "focal": 211.628116,
    "principal": [-0.284531, -14.762924],
    "radial": [0.058931, 0.069976],
    "point": [4.173048, 5.586898, 1.403869],
    "weight": 0.417022,
    "feature": [-525.672849, 161.811929],
}
BA_ERROR = [-2.69048849235189402e-01, 2.59944792677901881e-01]
BA_JACOBIAN = """
    2.28877202208246757e+02 6.34574811495545418e+02 -7.82222866259340549e+02
    2.42892615607159668e+00 -1.17828079628011313e+01 2.54169312487743460e+00
    -1.03657084958518086e+00 4.17022e-01 0.0 -3.50739521096005205e+02 -9.12107773668008576e+02
    -2.42892615607159668e+00 1.17828079628011313e+01 -2.54169312487743460e+00
    -6.45167039712987389e-01
    -1.20542435994996879e+02 -3.85673240766460424e+02 9.75476291403326456e+01
    -1.78372108529576567e+00 4.15466799433126077e+00 2.04025718029898906e+00
    3.49176397433145880e-01 0.0 4.17022e-01 1.18149147704414503e+02 3.07250108960343255e+02
    1.78372108529576567e+00 -4.15466799433126077e+00 -2.04025718029898906e+00
    6.23335921553064054e-01
"""


def gmm() -> tuple[float, Array]:
    value, gradients = differentiated(GMM, GMM_INPUTS)
    parts = [gradients[name].ravel() for name in ("alphas", "means", "icf")]
    return float(value), np.concatenate(parts)


def test_gaussian_mixture() -> None:
    value, gradient = gmm()
    assert value == pytest.approx(GMM_OBJECTIVE, rel=1e-14)
    np.testing.assert_allclose(gradient, numbers(GMM_GRADIENT), rtol=1e-13)


def ba() -> tuple[Array, Array]:
    """Return the error and the rows of its Jacobian, as ADBench orders them."""
    order = ("rot", "center", "focal", "principal", "radial", "point", "weight")
    (error, _), _ = found = [*jacobian(BA, BA_INPUTS, 2)]
    return error, np.concatenate([slopes[name].ravel() for _, slopes in found for name in order])


def test_bundle_adjustment() -> None:
    error, jacobian = ba()
    np.testing.assert_allclose(error, BA_ERROR, rtol=1e-12)  # of a difference of 525s
    np.testing.assert_allclose(jacobian, numbers(BA_JACOBIAN), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "spoil", [np.negative, lambda d: d * (1 + 1e-9), np.flip, lambda d: np.where(d > 1, 0, d)]
)
def test_spoiled_derivatives_are_caught(spoil: Callable[[Array], Array]) -> None:
    for actual, expected in ((gmm()[1], GMM_GRADIENT), (ba()[1], BA_JACOBIAN)):
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(spoil(actual), numbers(expected), rtol=1e-11, atol=1e-12)
