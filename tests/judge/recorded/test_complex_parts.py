"""Complex arrays: each part by itself, and never beside a real array."""

from dataclasses import replace

import numpy as np
import pytest
from test_pair import PAIR, loose, reasons

from gradcmp.backends import import_adapter
from gradcmp.case import Auto, BackendSpec, Case, DTypeTable, Expression, InputSpec, Ulp
from gradcmp.dtypes.arrays import of_parts
from gradcmp.judge.recorded.complex_parts import in_parts
from gradcmp.judge.recorded.pair import judge_pair
from gradcmp.plan import check
from gradcmp.recording import COTANGENT, Origin, fingerprint
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

RNG = np.random.default_rng(29)
Z = RNG.standard_normal((3, 4)) + 1j * RNG.standard_normal((3, 4))
TABLE = DTypeTable()


def judged(actual, expected=Z, tolerance=TABLE):
    return judge_pair(PAIR, loose(g=actual), loose(g=expected), tolerance)


@pytest.mark.parametrize("dtype", ["c8", "c16", ">c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_equal_numbers_agree(dtype, order):
    z = np.array(Z.astype(dtype), order=order)
    assert judged(z, Z.astype(dtype), Ulp(0)).agrees


@pytest.mark.parametrize("part", [0, 1])
def test_one_part_of_one_number_is_found(part):
    spoiled = Z.copy()
    spoiled[1, 2] += [1e-3, 1e-3j][part]
    found = judged(spoiled).comparisons[PAIR]["g"]
    assert (found.disagreeing, found.worst.index) == (1, (1, 2, part))


def test_a_conjugate_is_named():
    found = judged(Z.conj()).findings[PAIR]["g"]
    assert [cause.text for cause in found.causes] == ["it is the complex conjugate"]
    assert found.where == "all of it in the imaginary part"


def test_places_are_those_of_the_numbers():
    spoiled = Z.copy()
    spoiled[1] *= 2
    assert judged(spoiled).findings[PAIR]["g"].where == "all of it in row 1"


def test_complex_and_real_are_of_two_kinds():
    assert reasons(judged(Z.real)) == {"g": "dtype"}
    assert reasons(judged(Z, Z.real)) == {"g": "dtype"}


def test_a_single_number_has_two_parts():
    assert in_parts(np.array(1 + 2j)).tolist() == [1.0, 2.0]


BACKENDS = (BackendSpec("numpy"),)
GRAPH = {"h": Expression("X * X"), "out": Expression("sum(abs(h) * imag(X))")}
SPOILS = (
    np.conj,
    lambda g: g + 1e-3j * (np.arange(5) == 2),
    np.real,
    lambda g: g.imag + 1j * g.real,
)


def recorded():
    """Return what NumPy computes of a complex case, as a saved recording of it."""
    case = Case("z", {"X": InputSpec("normal", (5,))}, GRAPH, backends=BACKENDS, dtype="complex64")
    plan = check(case)
    (request,) = plan.requests(plan.draw())
    found = import_adapter("numpy")("cpu").record(job_from_bytes(request_to_bytes(request)))
    given = {**request.inputs, COTANGENT: request.cotangent}
    return replace(found, origin=Origin(plan.case, {n: fingerprint(x) for n, x in given.items()}))


@pytest.mark.parametrize("tolerance", [TABLE, Auto()])
@pytest.mark.parametrize("turned", [False, True])
def test_complex_arrays_are_held_against_a_recording_in_parts(tolerance, turned):
    known = recorded()
    mine = {
        "h": of_parts(known.values["h"]),
        "out": known.values["out"],
        "d X": of_parts(known.gradients["X"]),
    }

    def held(arrays):
        sides = (known, loose(**arrays)) if turned else (loose(**arrays), known)
        return judge_pair(PAIR, *sides, tolerance)

    found = held(mine)
    assert not found.disagreements
    assert {"h", "out", "d X"} <= {*found.comparisons[PAIR]}
    for spoil in SPOILS:
        wrong = held({**mine, "d X": np.asarray(spoil(mine["d X"]))})
        assert {name for _, name, _ in wrong.disagreements} == {"d X"}
    real = held({**mine, "out": np.asarray(mine["out"] + 0j)})  # of real numbers in the recording
    assert reasons(real)["out"] == "dtype"
