"""Runs that are brought about another one."""

import numpy as np

from gradcmp.native.outcome import Outcome, Tap, around


def run(shift):
    array = np.array([1.0, 2.0]) + shift
    taps = {"h": Tap(array * 3, array * 4), "told": Tap(array * 5, None)}
    return Outcome({"output": array}, {"x": array * 2}, taps)


def test_runs_about_another_one_have_its_taps_moved_as_theirs_were():
    clean, base = run(0.25), run(0.0)
    (found,) = around(clean, [run(0.5)], base)
    expected = run(0.75)
    assert found.tensors.keys() == expected.tensors.keys()
    for name, array in expected.tensors.items():
        np.testing.assert_allclose(found.tensors[name], array)
