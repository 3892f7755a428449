"""Inputs that are declared symmetric, from the config to the gradients of a graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gradcmp
from gradcmp import inputs
from gradcmp.backends import import_adapter
from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.config import parse_input
from gradcmp.errors import InputError
from gradcmp.graph import backward, forward
from gradcmp.graph.stepped import derived
from gradcmp.graph.walk import constants_of
from gradcmp.judge.case import judge
from gradcmp.plan import check
from gradcmp.workers.wire import job_from_bytes, request_to_bytes


def spec(kind="normal", shape=(3, 3), **parameters):
    return InputSpec(kind, shape, {"symmetric": True, **parameters})


def case(a, graph=None, **options):
    nodes = {name: Expression(text) for name, text in (graph or {"y": "sum(A)"}).items()}
    return Case("symmetric", {"A": a}, nodes, [*nodes][-1], ("A",), **options)


@pytest.mark.parametrize("kind", ["normal", "uniform", "arange"])
@pytest.mark.parametrize("edge", [{}, {"edge": "masked"}, {"edge": "ties"}])
@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 3), (0, 0), (1, 1)])
def test_what_is_drawn_is_symmetric(kind, edge, shape):
    x = inputs.draw(case(spec(kind, shape, **edge)))["A"]
    np.testing.assert_array_equal(x, np.swapaxes(x, -1, -2))


def test_the_numbers_are_those_that_are_drawn_without_it():
    plain, mine = (inputs.draw(case(one))["A"] for one in (InputSpec("normal", (3, 3)), spec()))
    np.testing.assert_array_equal(np.triu(mine), np.triu(plain))


@pytest.mark.parametrize(
    ("one", "fact"),
    [
        (spec(shape=(3, 4)), r"input 'A': its shape is \(3, 4\), and a symmetric matrix is square"),
        (spec(shape=(3,)), "a symmetric matrix is square"),
        (spec(shape=()), "a symmetric matrix is square"),
        (spec("values", None, values=[[1, 2]]), "a symmetric matrix is square"),
        (spec("values", None, values=[[1, 2], [2, 1]], integer=True), "real matrices alone"),
        (spec("integers", high=3), "'integers' does not take 'symmetric'"),
    ],
)
def test_what_is_no_square_matrix_of_real_numbers_is_refused(one, fact):
    with pytest.raises(InputError, match=fact):
        check(case(one))


def test_numbers_that_are_not_symmetric_are_refused():
    one = spec("values", None, values=[[1, 2, 3], [2, 5, 6], [3, 7, 9]])
    with pytest.raises(InputError, match=r"element \(1, 2\) is 6, and \(2, 1\) is 7"):
        check(case(one)).draw()


def test_nan_is_its_own_mirror_image():
    one = spec("values", None, values=[[1, float("nan")], [float("nan"), 1]])
    assert np.isnan(inputs.draw(case(one))["A"][0, 1])


def test_it_is_written_behind_the_shape():
    one = parse_input("A", "normal:3x3:symmetric=true")
    assert one.parameters == {"symmetric": True}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A @ A", "symmetrize(A) @ symmetrize(A)"),
        ("A.T + x", "symmetrize(A).T + x"),
        ("symmetrize(A) + A[0]", "symmetrize(A) + symmetrize(A)[0]"),
        ("sum(x, axis=A)", "sum(x, axis=symmetrize(A))"),
        ("  (A +\n  A)", "(symmetrize(A) +\n  symmetrize(A))"),
        ("A1 + AA + B.A", "A1 + AA + B.A"),
        ("einsum('A,A->', x, A)", "einsum('A,A->', x, symmetrize(A))"),
        ("A +* A", "A +* A"),
        ("A(x) + A", "A(x) + symmetrize(A)"),
    ],
)
def test_a_graph_reads_it_by_its_symmetric_part(text, read):
    one = case(spec(), {"y": text})
    assert inputs.reads_of(one)["y"].text == read
    again = Case("twice", one.inputs, inputs.reads_of(one), "y", ("A",))
    assert inputs.reads_of(again)["y"].text == read


def test_a_graph_without_one_stays_as_it_is():
    one = case(InputSpec("normal", (3, 3)), {"y": " A @ A "})
    assert inputs.reads_of(one) is one.graph


# One triangle is read once more than the other, so that the gradient itself is not symmetric.
ONE_TRIANGLE = {"y": "tril(A) @ exp(A)"}


def computed(a, graph, **options):
    """Return what the reference computes: gradients by input, or a derivative by its name."""
    plan = check(case(a, graph, backends=(BackendSpec("numpy"),), **options))
    arrays = plan.draw()
    if arrays.asked:
        return derived(plan.graph, arrays.inputs, arrays.cotangent, arrays.asked, "float64")
    tape = forward(plan.graph, arrays.inputs, constants_of(np.dtype(np.float64)))
    return backward(plan.graph, tape, arrays.cotangent)


def test_gradients_are_their_symmetric_part():
    """The plain gradient is that of the graph at the same numbers, without the declaration."""
    a = [[0.5, -1.0, 0.25], [-1.0, 2.0, 1.5], [0.25, 1.5, -0.75]]
    plain = computed(InputSpec("values", None, {"values": a}), ONE_TRIANGLE)["A"]
    mine = computed(spec("values", None, values=a), ONE_TRIANGLE)["A"]
    assert not np.allclose(plain, plain.T, atol=0.1)
    np.testing.assert_allclose(mine, (plain + plain.T) / 2, rtol=1e-12)


@pytest.mark.parametrize("derivative", ["hvp", "jacobian", "hessian"])
def test_every_order_is_of_the_symmetric_part(derivative):
    (found,) = computed(spec(shape=(2, 2)), ONE_TRIANGLE, derivative=derivative).values()
    np.testing.assert_allclose(found, np.swapaxes(found, -1, -2), rtol=1e-12)
    if derivative == "hessian":
        np.testing.assert_allclose(found, np.swapaxes(found, 0, 1), rtol=1e-12)


def test_the_direction_is_symmetric_too():
    arrays = check(case(spec(), {"y": "A @ A"}, derivative="jvp")).draw()
    v = arrays.asked.tangents["A"]
    np.testing.assert_array_equal(v, v.T)


@pytest.mark.processes
def test_frameworks_agree(with_torch):
    backends = (BackendSpec("numpy"), BackendSpec("torch"))
    graph = {"y": "cholesky(A @ A + A) @ tril(A)"}
    verdict = gradcmp.run(
        case(spec("values", None, values=[[2, 1], [1, 3]]), graph, backends=backends)
    )
    assert verdict.agrees
    for recording in verdict.recordings.values():
        gradient = recording.gradients["A"].astype(np.float64)
        np.testing.assert_allclose(gradient, gradient.T, rtol=1e-6)


@pytest.mark.parametrize("twin", [False, True], ids=["float32 alone", "both dtypes"])
@pytest.mark.parametrize("spoil", [lambda d: d + np.tri(3), lambda d: d.T * 1.5, np.negative])
def test_a_wrong_symmetric_part_disagrees(spoil, twin):
    sides = (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32"))
    plan = check(case(spec(), ONE_TRIANGLE, backends=sides))
    (first, second), numpy = plan.requests(plan.draw()), import_adapter("numpy")("cpu")
    fine = plan.in_float64(second)
    found = [numpy.record(job_from_bytes(request_to_bytes(one))) for one in (first, second, fine)]

    def judged(change):
        reference, actual, twins = found
        wrong = [
            replace(one, gradients={**one.gradients, "A": change(one.gradients["A"])})
            for one in (actual, twins)
        ]
        outcomes = {first.label: reference, second.label: wrong[0]}
        fine = {second.label: wrong[1] if twin else twins}
        return judge(plan.case, first.label, outcomes, fine, graph=plan.graph)

    assert judged(lambda d: d).agrees
    assert not judged(lambda d: spoil(d).astype(d.dtype)).agrees
