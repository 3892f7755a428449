"""What is known of a case is found out once, and holds no array."""

import gc
import pickle
import sys
import weakref
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gradcmp import api, graph, inputs
from gradcmp import plan as planning
from gradcmp.backends import registry
from gradcmp.case import BackendSpec, Case, Effort, Expression, InputSpec
from gradcmp.errors import InputError, Location, UsageError
from gradcmp.plan import Arrays, Plan, check
from gradcmp.workers import Pool

CASE = Case(
    "planned",
    {name: InputSpec("normal", (4, 3)) for name in "XY"},
    {"a": Expression("exp(X * Y)"), "out": Expression("sum(tanh(a) * Y)")},
    "out",
    ("X", "Y"),
    (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32")),
)
# What is asked of the other rooms, and how often for a case of two inputs and two backends.
ONCE = {
    planning.check: 1,
    planning.backends_of: 1,
    planning.resolve: 2,
    graph.build: 1,
    graph.infer: 1,
    inputs.specs: 1,
    inputs.check: 2,
    inputs.draw: 1,
    inputs.cotangent: 1,
    inputs.require_memory: 1,
}


@pytest.fixture(scope="module")
def pool():
    with Pool() as pool:
        yield pool


def calls(action):
    """Count how often the functions above run, whoever calls them by whatever name."""
    names = {function.__code__: function for function in (*ONCE, registry.backend_class)}
    counted = Counter()

    def see(frame, event, _):
        if event == "call" and frame.f_code in names:
            counted[names[frame.f_code]] += 1

    sys.setprofile(see)
    try:
        action()
    finally:
        sys.setprofile(None)
    return counted


def test_what_is_known_of_a_case_is_found_out_once(pool):
    counted = calls(lambda: api.run(CASE, pool))
    assert counted.pop(registry.backend_class) == len(CASE.backends)
    assert counted == ONCE


def test_who_checks_again_is_counted(pool):
    counted = calls(lambda: (check(CASE), api.run(CASE, pool)))
    assert counted[graph.build] == 2
    assert counted[inputs.check] == 4


def test_nodes_alone_ask_for_nothing_again_but_their_graphs(pool):
    counted = calls(lambda: api.run(CASE, pool, Effort(isolate=True)))
    counted.pop(registry.backend_class)
    assert counted == {**ONCE, graph.build: 1 + len(CASE.graph)}


def test_a_plan_holds_no_array():
    spec = InputSpec("normal", (300, 300))
    large = check(replace(CASE, inputs=dict.fromkeys("XY", spec)))
    arrays = large.draw()
    assert arrays.inputs["X"].nbytes == 8 * 300 * 300
    assert len(pickle.dumps(large)) < 10_000
    assert len(pickle.dumps((large, arrays))) > arrays.inputs["X"].nbytes  # as if it held them


def test_what_was_drawn_goes_with_the_run(pool, monkeypatch):
    drawn, draw = [], Plan.draw

    def spy(plan):
        arrays = draw(plan)
        drawn.extend(map(weakref.ref, arrays.named.values()))
        return arrays

    monkeypatch.setattr(Plan, "draw", spy)
    plans = [check(CASE), check(replace(CASE, seed=1))]
    verdicts = [api.run_plan(plan, pool) for plan in plans]
    gc.collect()
    assert all(verdict.agrees for verdict in verdicts)
    assert len(drawn) == 6
    assert not [ref for ref in drawn if ref() is not None]
    kept = plans[0].draw()
    assert [ref for ref in drawn if ref() is not None]  # those that somebody still holds are seen
    assert kept


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((2, 2)), r"it was float of shape \(4, 3\), and is float of shape \(2, 2\)"),
        (np.ones((4, 3), int), r"it was float of shape \(4, 3\), and is int of shape \(4, 3\)"),
    ],
)
def test_a_data_file_that_changes_after_the_check_is_refused(tmp_path, array, words):
    file = tmp_path / "x.npy"
    np.save(file, np.ones((4, 3)))
    spec = InputSpec("file", None, {"file": str(file)}, Location("f.yaml", 3))
    plan = check(replace(CASE, inputs={**CASE.inputs, "X": spec}))
    np.save(file, np.full((4, 3), 2.0))
    assert plan.draw().inputs["X"].max() == 2  # other numbers of the same kind are no harm
    np.save(file, array)
    with pytest.raises(InputError, match=words) as caught:
        plan.draw()
    assert str(caught.value).startswith("f.yaml:3: input 'X' changed after it was checked")


def test_the_reference_comes_first():
    plan = check(replace(CASE, backends=(BackendSpec("numpy", dtype="float32"),)))
    assert [*plan.backends] == ["numpy", "numpy,dtype=float32"]
    assert plan.reference == "numpy"
    assert [spec.dtype for spec in plan.backends.values()] == ["float64", "float32"]


def test_another_backend_is_asked_the_same():
    plan = check(CASE).computed_by(BackendSpec("numpy", dtype="bfloat16"))
    (request,) = plan.requests(plan.draw())
    assert request.label == "numpy,dtype=bfloat16"
    assert (request.spec.mode, request.spec.dtype) == ("manual", "bfloat16")
    with pytest.raises(UsageError, match="no mode 'manul'"):
        plan.computed_by(BackendSpec("numpy", mode="manul"))


def test_a_node_alone_is_a_plan_like_any_other():
    plan = check(CASE)
    arrays = Arrays({"X": np.ones((4, 3)), "Y": np.ones((4, 3))}, np.ones((4, 3)))
    alone = plan.of_node("a", arrays)
    assert alone.case.name == "planned/a"
    assert alone.case.wrt == ("X", "Y")
    assert [*alone.specs] == ["X", "Y", "a/1", "a"]
    assert [*alone.backends] == [*plan.backends]
    assert alone.requests(arrays)[0].body == (("a", "exp(X * Y)"),)
