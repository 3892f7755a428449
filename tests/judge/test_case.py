"""The verdict of a case: which tensors, in which order, and every way to spoil one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradcmp.case import BackendSpec, Case, DTypeTable, Expression, Fixed, InputSpec
from gradcmp.errors import ExitCode
from gradcmp.judge.case import judge
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.tolerance import DEFAULTS
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Failure, Recording, numpy_dtype

CASE = Case(
    "port",
    {name: InputSpec("normal", (4, 3)) for name in ("X", "Y", "Z")},
    {
        "node3": Expression("sum(exp(node2))"),
        "node1": Expression("X * Y"),
        "node2": Expression("node1 + Z * Z"),
    },
    "node3",
    ("X", "Y"),
    (BackendSpec("numpy"), BackendSpec("torch")),
    DTypeTable(),
)
PAIR = Pair("torch", "numpy")


def record(label: str, dtype: str) -> Recording:
    """Compute the case by hand, then round."""
    rng = np.random.default_rng(4)
    X, Y, Z = (rng.standard_normal((4, 3)).astype(np.float16).astype(float) for _ in range(3))
    node1, node2 = X * Y, X * Y + Z * Z
    exp = np.exp(node2)
    values = {"X": X, "Y": Y, "Z": Z, "node2/1": Z * Z, "node1": node1, "node2": node2}
    values |= {"node3/1": exp, "node3": exp.sum()}
    gradients = {"node3": np.float64(1), "node2": exp, "node2/1": exp, "node1": exp}
    gradients |= {"X": exp * Y, "Y": exp * X, "Z": 2 * Z * exp}

    def rounded(arrays):
        return {k: np.asarray(v).astype(numpy_dtype(dtype)) for k, v in arrays.items()}

    return Recording(label, dtype, rounded(values), rounded(gradients))


def run(actual, *others, case=CASE):
    reference = record("numpy", "float64")
    outcomes = {"torch": actual, **{o.backend: o for o in others}, "numpy": reference}
    return judge(case, "numpy", outcomes)


def test_tensors_come_in_the_order_of_the_graph_then_of_the_backward_pass():
    verdict = run(record("torch", "float32"))
    assert verdict.agrees
    assert verdict.exit_code is ExitCode.AGREE
    assert verdict.tensors == (
        *("node1", "node2", "node3"),
        *("d node3", "d node2", "d node1", "d Y", "d X"),
    )
    assert verdict.comparisons[PAIR]["d X"].verdict.reason == "rounding"
    assert verdict.comparisons[PAIR]["d X"].total == 12


def test_every_pair_is_held_together_those_with_the_reference_first():
    verdict = run(record("torch", "float32"), record("jax", "bfloat16"), record("tf", "float16"))
    assert verdict.agrees
    assert list(verdict.outcomes) == ["numpy", "torch", "jax", "tf"]
    assert list(verdict.comparisons) == [
        *(Pair(label, "numpy") for label in ("torch", "jax", "tf")),
        *(Pair("jax", "torch"), Pair("tf", "torch"), Pair("tf", "jax")),
    ]
    assert "bfloat16" in verdict.comparisons[Pair("tf", "jax")]["d X"].rule


def spoiled(recording: Recording, name: str, change) -> Recording:
    """Return a recording with one gradient changed, or without it."""
    gradients = dict(recording.gradients)
    changed = change(gradients.pop(name))
    return replace(recording, gradients=gradients | ({} if changed is None else {name: changed}))


def with_element(index, value):
    def change(d):
        d = d.copy()
        d[index] = value(d[index])
        return d

    return change


def beyond_allowance(d):
    rule = DEFAULTS["float32"]
    return d + np.float32(10 * (rule.atol + rule.rtol * abs(d)))


SABOTAGE = {
    "negated": (lambda d: -d, "tolerance"),
    "zero": (np.zeros_like, "tolerance"),
    "one element ten times too far": (with_element((2, 1), beyond_allowance), "tolerance"),
    "the last element": (with_element((-1, -1), beyond_allowance), "tolerance"),
    "a thousandth more": (lambda d: d * np.float32(1.001), "tolerance"),
    "transposed": (lambda d: d.T, "shape"),
    "transposed, reshaped": (lambda d: d.T.reshape(d.shape), "tolerance"),
    "shifted": (lambda d: np.roll(d, 1), "tolerance"),
    "reversed": (lambda d: d[::-1], "tolerance"),
    "nan": (with_element((0, 2), lambda d: np.nan), "non-finite"),
    "all nan": (lambda d: np.full_like(d, np.nan), "non-finite"),
    "infinite": (with_element((3, 0), lambda d: -np.inf), "non-finite"),
    "missing": (lambda d: None, "missing"),
    "a row short": (lambda d: d[:-1], "shape"),
    "one axis more": (lambda d: d[None], "shape"),
    "summed": (lambda d: d.sum(), "shape"),
    "empty": (lambda d: d[:0], "shape"),
    "float64": (lambda d: d.astype(np.float64), "dtype"),
    "integers": (lambda d: d.astype(int), "dtype"),
    "complex": (lambda d: d.astype(complex), "dtype"),
}


@pytest.mark.parametrize(("change", "reason"), SABOTAGE.values(), ids=SABOTAGE)
@pytest.mark.parametrize("name", ["X", "node1"])
def test_a_spoiled_gradient_is_caught(name, change, reason):
    good = record("torch", "float32")
    verdict = run(spoiled(good, name, change), record("jax", "float32"))
    assert verdict.exit_code is ExitCode.DISAGREE
    wrong = {(str(pair), tensor) for pair, tensor, _ in verdict.disagreements}
    assert wrong == {("torch – numpy", f"d {name}"), ("jax – torch", f"d {name}")}
    assert verdict.comparisons[PAIR][f"d {name}"].verdict.reason == reason


@pytest.mark.parametrize("name", ["node1", "node3"])
def test_a_spoiled_value_is_caught(name):
    good = record("torch", "float32")
    verdict = run(replace(good, values={**good.values, name: -good.values[name]}))
    assert [tensor for _, tensor, _ in verdict.disagreements] == [name]


def test_nan_and_infinity_must_match_in_place_and_sign():
    places = (with_element((0, 0), lambda d: np.nan), with_element((0, 1), lambda d: np.nan))
    signs = tuple(with_element((0, 0), lambda d, s=s: s * np.inf) for s in (1, -1))
    for first, second in (places, signs):
        numpy = spoiled(record("numpy", "float64"), "X", first)
        for change, agrees in ((first, True), (second, False)):
            torch = spoiled(record("torch", "float32"), "X", change)
            assert judge(CASE, "numpy", {"numpy": numpy, "torch": torch}).agrees == agrees


def test_what_is_missing_everywhere_is_still_missing():
    none = {"values": {}, "gradients": {}}
    verdict = judge(
        CASE,
        "numpy",
        {k: replace(record(k, "float64"), **none) for k in ("numpy", "torch")},
    )
    assert {c.verdict.reason for c in verdict.comparisons[PAIR].values()} == {"missing"}
    assert {"node3", "d X", "d Y", "d node1", "X"} <= set(verdict.tensors)


def test_an_extra_tensor_disagrees():
    good = record("torch", "float32")
    extra = spoiled(good, "X", lambda d: d)
    extra = replace(extra, gradients={**extra.gradients, "node4": np.ones(3, np.float32)})
    [(_, name, comparison)] = run(extra).disagreements
    assert (name, comparison.verdict.reason) == ("d node4", "missing")
    assert comparison.verdict.detail == "only torch has it"


def test_integer_and_boolean_nodes_have_no_gradient():
    case = replace(CASE, graph={**CASE.graph, "mask": Expression("X > Y")})
    recordings = {}
    for label, dtype in (("numpy", "float64"), ("torch", "float32")):
        good = record(label, dtype)
        mask = good.values["X"] > good.values["Y"]
        recordings[label] = replace(good, values={**good.values, "mask": mask})
    assert judge(case, "numpy", recordings).agrees
    flipped = {**recordings["torch"].values, "mask": ~recordings["torch"].values["mask"]}
    recordings["torch"] = replace(recordings["torch"], values=flipped)
    [(_, name, comparison)] = judge(case, "numpy", recordings).disagreements
    assert (name, comparison.disagreeing) == ("mask", 12)


def test_a_backend_that_was_given_other_inputs_is_found_out():
    good = record("torch", "float32")
    moved = np.nextafter(good.values["Y"], np.float32(9), dtype=np.float32)
    far = good.values["Y"] * np.float32(1.0001)
    for Y, others in ((far, "float64"), (moved, "float32")):
        reference = record("numpy", others)
        torch = replace(good, values={**good.values, "Y": Y})
        verdict = judge(CASE, "numpy", {"numpy": reference, "torch": torch})
        [(_, name, comparison)] = verdict.disagreements
        assert name == "Y"
        assert comparison.verdict.detail == "not the same input: its numbers differ"


def test_a_cast_of_an_input_is_the_same_input():
    rng = np.random.default_rng(6)
    draw = rng.standard_normal((4, 3)) * 10.0 ** rng.integers(-12, 5, (4, 3))
    recordings = {}
    for label, dtype in (
        *(("numpy", "float64"), ("torch", "float32")),
        *(("jax", "float16"), ("tf", "bfloat16")),
    ):
        good = record(label, dtype)
        with np.errstate(all="ignore"):
            Z = draw.astype(numpy_dtype(dtype))
        recordings[label] = replace(good, values={**good.values, "Z": Z})
    assert "Z" not in judge(CASE, "numpy", recordings).tensors


def test_nothing_compared_is_no_success():
    torch = Failure("torch", "absent", "not installed", required=False)
    verdict = judge(CASE, "numpy", {"numpy": record("numpy", "float64"), "torch": torch})
    assert verdict.comparisons == {}
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    assert judge(CASE, "numpy", {}).exit_code is ExitCode.COULD_NOT_COMPARE


def test_only_empty_tensors_are_nothing_compared():
    case = replace(CASE, graph={"node1": Expression("X * Y + Z")}, output="node1")
    none = np.zeros((0, 3))
    recording = Recording(
        "numpy",
        "float64",
        dict.fromkeys(("X", "Y", "Z", "node1"), none),
        dict.fromkeys(("X", "Y", "node1"), none),
    )
    verdict = judge(
        case, "numpy", {"numpy": recording, "torch": replace(recording, backend="torch")}
    )
    assert len(verdict.tensors) == 4
    assert not verdict.disagreements
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE


def test_a_failed_reference_leaves_the_others_to_compare():
    failure = Failure("numpy", "crashed", "signal 9")
    verdict = judge(
        CASE,
        "numpy",
        {"numpy": failure, "torch": record("torch", "float32"), "jax": record("jax", "float32")},
    )
    assert list(verdict.comparisons) == [Pair("jax", "torch")]
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE


def test_the_reason_says_whose_tolerance_it_was():
    torch = record("torch", "float32")
    assert run(torch).comparisons[PAIR]["d X"].verdict.reason == "rounding"
    chosen = replace(CASE, tolerance=Fixed(rtol=1e-3, atol=0.0))
    comparison = run(torch, case=chosen).comparisons[PAIR]["d X"]
    assert comparison.verdict.reason == "tolerance"
    assert comparison.rule == "|a − e| <= 0 + 0.001·|e|"
    assert run(torch).comparisons[PAIR]["d node3"].verdict.reason == "exact"


@pytest.mark.parametrize(("change", "reason"), SABOTAGE.values(), ids=SABOTAGE)
def test_compare_alone_catches_it_too(change, reason):
    good = record("torch", "float32").gradients["X"]
    bad = change(good)
    if bad is None or bad.dtype == np.float64:  # only a recording can miss or misdeclare
        return
    assert not compare(bad, good, DTypeTable()).agrees
    assert not compare(good, bad, DTypeTable()).agrees
    assert compare(bad, good, DTypeTable()).verdict.reason == reason
