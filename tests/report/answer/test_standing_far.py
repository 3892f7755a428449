"""How far two numbers are apart, in words."""

from dataclasses import replace

import numpy as np
import pytest

from gradcmp.judge import compare
from gradcmp.judge.comparison import Noise
from gradcmp.report.answer.standing import far

COMMON = Noise(2.0, 7.0, 8.0, 6.0, None, 6.0, 6.0)  # the common factor alone is above its limit


@pytest.mark.parametrize("bound", [False, True])
def test_an_upper_bound_on_a_common_factor_is_not_given_as_measured(bound):
    one = compare(np.float32([1.0, 2.0]), np.float32([1.0, 2.0000002]))
    said = far(one.with_measured(noise=replace(COMMON, bound=bound)))
    assert ("as a common factor 7.0 × noise (limit 6)" in said) == (not bound)
    assert ("< 2.0 × noise (limit 8)" in said) == bound
