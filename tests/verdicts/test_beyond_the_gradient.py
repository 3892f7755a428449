"""Verdicts on derivatives beyond the gradient: what is right agrees, what is spoiled does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import DTYPES, Auto, BackendSpec, Case, Expression, Fixed, InputSpec, Tolerance
from gradcmp.cli import main
from gradcmp.derivatives import Derivative
from gradcmp.errors import ExitCode, RecordingError, UsageError
from gradcmp.judge import CaseVerdict, Comparison, Pair, judge
from gradcmp.judge.selftest import selftest
from gradcmp.keys import ORIGIN
from gradcmp.ops import Array
from gradcmp.plan import check
from gradcmp.recording import Recording
from gradcmp.recording.asked import case_of_facts, case_to_facts
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

PAIR = Pair("torch", "numpy")
Spoil = Callable[[Array], Array]
ROSENBROCK = {"f": "(1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x)"}


def case_of(
    graph: Mapping[str, str],
    derivative: Derivative,
    tolerance: Tolerance | None = None,
    **inputs: object,
) -> Case:
    specs = {name: InputSpec("values", None, {"values": one}) for name, one in inputs.items()}
    body = {name: Expression(text) for name, text in graph.items()}
    backends = (BackendSpec("numpy"), BackendSpec("torch"))
    return Case("trial", specs, body, "", (), backends, tolerance or Auto(), derivative=derivative)


def computed(case: Case, label: str, dtype: str) -> Recording:
    """Compute with NumPy, by what a worker would be sent."""
    plan = check(case)
    request = plan.requests(plan.draw())[0]
    job = job_from_bytes(request_to_bytes(request))
    return NumpyBackend("cpu").record(replace(job, label=label, dtype=dtype))  # type: ignore[arg-type]


def spoiled(recording: Recording, spoils: Mapping[str, Spoil]) -> Recording:
    changed = {name: spoil(recording.values[name]) for name, spoil in spoils.items()}
    return replace(recording, values={**recording.values, **changed})


def verdict(
    case: Case, both: Mapping[str, Spoil] | None = None, alone: Mapping[str, Spoil] | None = None
) -> CaseVerdict:
    """Judge a side in float32 that is spoiled in its float64 run as well, or in float32 alone."""
    ours = spoiled(computed(case, "torch", "float32"), {**(both or {}), **(alone or {})})
    twin = spoiled(computed(case, "torch", "float64"), both or {})
    reference = computed(case, "numpy", "float64")
    return judge(check(case).case, "numpy", {"numpy": reference, "torch": ours}, {"torch": twin})


def of(found: CaseVerdict, name: str) -> Comparison:
    return found.comparisons[PAIR][name]


RNG = np.random.default_rng(5)
MIXED = {
    "h": "tanh(X @ W)",
    "s": "softmax(h) * log(1 + h * h)",
    "out": "cumulative_sum(s, axis=0) * s",
}
ARRAYS = {"X": RNG.standard_normal((3, 4)).tolist(), "W": RNG.standard_normal((4, 4)).tolist()}
NAMES: Mapping[Derivative, tuple[str, ...]] = {
    "jvp": ("J v[out]",),
    "hvp": ("H v[X]", "H v[W]"),
    "jacobian": ("J[out, X]", "J[out, W]"),
    "hessian": ("H[X, X]", "H[X, W]", "H[W, X]", "H[W, W]"),
}


def test_the_published_hessian_of_rosenbrocks_function() -> None:
    case = case_of(ROSENBROCK, "hessian", x=1.0, y=1.0)
    found = computed(case, "numpy", "float64").values
    names = ("H[x, x]", "H[x, y]", "H[y, x]", "H[y, y]")
    assert [float(found[name]) for name in names] == [802.0, -400.0, -400.0, 200.0]


@pytest.mark.parametrize("derivative", NAMES)
def test_what_is_right_agrees_as_rounding(derivative: Derivative) -> None:
    found = verdict(case_of(MIXED, derivative, **ARRAYS))
    assert found.agrees
    for name in NAMES[derivative]:
        assert of(found, name).verdict.reason in ("rounding", "exact")
    assert "v[X]" not in found.tensors  # given, and no result


def a_term_missing(array: Array) -> Array:
    return np.where(np.arange(array.size).reshape(array.shape) == array.size // 2, 0, array)


SPOILS: Mapping[str, Spoil] = {
    "sign": lambda x: -x,
    "factor": lambda x: (x * np.float64(1.001)).astype(x.dtype),
    "transposed": lambda x: np.ascontiguousarray(np.swapaxes(x, 0, -1)).reshape(x.shape),
    "term": a_term_missing,
    "nothing": np.zeros_like,
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("derivative", NAMES)
def test_what_is_spoiled_is_a_bug(derivative: Derivative, spoil: str) -> None:
    name = NAMES[derivative][-1]
    found = verdict(case_of(MIXED, derivative, **ARRAYS), both={name: SPOILS[spoil]})
    assert not found.agrees
    assert of(found, name).verdict.reason == "bug"
    assert found.findings[PAIR][name].side == "torch"
    others = {n for n, one in found.comparisons[PAIR].items() if not one.agrees}
    assert others == {name}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("derivative", NAMES)
def test_what_is_spoiled_in_one_dtype_alone_does_not_pass(
    derivative: Derivative, spoil: str
) -> None:
    name = NAMES[derivative][-1]
    found = verdict(case_of(MIXED, derivative, **ARRAYS), alone={name: SPOILS[spoil]})
    assert not of(found, name).agrees


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_fixed_tolerance_catches_it_too(spoil: str) -> None:
    case = case_of(MIXED, "hvp", Fixed(1e-4, 1e-5), **ARRAYS)
    assert verdict(case).agrees
    assert not verdict(case, both={"H v[W]": SPOILS[spoil]}).agrees


def test_faults_are_injected_beyond_the_gradient_too() -> None:
    case = case_of(MIXED, "hvp", **ARRAYS)
    fates = selftest(verdict(case), "torch")
    assert {"H v[X]", "H v[W]", "d X"} <= fates.keys()
    assert {fates["H v[W]"][one] for one in ("zero", "negated", "one off")} == {"killed"}


def without(*names: str) -> Callable[[Recording], Recording]:
    return lambda one: replace(one, values={n: a for n, a in one.values.items() if n not in names})


@pytest.mark.parametrize("sides", [("torch",), ("numpy",), ("numpy", "torch")])
def test_what_was_asked_for_and_is_not_there_disagrees(sides: tuple[str, ...]) -> None:
    case = case_of(MIXED, "hvp", **ARRAYS)
    lose = without("H v[W]")
    made = {
        "numpy": computed(case, "numpy", "float64"),
        "torch": computed(case, "torch", "float32"),
    }
    outcomes = {label: lose(one) if label in sides else one for label, one in made.items()}
    found = judge(check(case).case, "numpy", outcomes)
    assert of(found, "H v[W]").verdict.reason == "missing"
    assert not found.agrees


def test_another_direction_is_said() -> None:
    case = case_of(MIXED, "hvp", **ARRAYS)
    found = verdict(case, both={"v[X]": lambda v: v + 1})
    assert "not the same input" in of(found, "v[X]").verdict.detail


def test_a_second_derivative_at_a_kink_is_either_one_and_nothing_else() -> None:
    graph = {"y": "relu(x) * relu(x) * x"}  # second derivative 6 x, or 0
    plain = {"y": "maximum(x, 0) * maximum(x, 0) + relu(z) * 3"}
    case = case_of(plain, "hvp", x=[0.0, 1.0, -1.0], z=[2.0, 1.0, 1.0])
    right = computed(case, "numpy", "float64").values
    steep = 2 * right["v[x]"][0] * computed(case, "numpy", "float64").gradients["y"][0]

    def taken(size: float) -> Spoil:
        return lambda hv: np.concatenate([[size * steep], hv[1:]]).astype(hv.dtype)

    for lawful in (0.0, 0.25, 0.5, 1.0):  # to the left, ties halved, to the right
        found = of(verdict(case, both={"H v[x]": taken(lawful)}), "H v[x]")
        assert found.agrees, (lawful, found.verdict)
    for wrong in (-1.0, 2.0):
        for spoils in ({"both": {"H v[x]": taken(wrong)}}, {"alone": {"H v[x]": taken(wrong)}}):
            assert not of(verdict(case, **spoils), "H v[x]").agrees, (wrong, *spoils)
    assert verdict(case_of(graph, "hvp", x=[0.0, 1.0])).agrees


def test_a_kink_excuses_no_other_element() -> None:
    case = case_of({"y": "relu(x) * relu(x)"}, "hvp", x=[0.0, 1.0, -1.0])
    off = verdict(case, both={"H v[x]": lambda hv: hv * np.array([1, -1, 1], hv.dtype)})
    assert of(off, "H v[x]").verdict.reason == "bug"


def test_what_is_small_beside_other_numbers_is_at_no_kink() -> None:
    """An input is exact: 1e-4 is no rounded 0, whatever stands beside it."""
    case = case_of({"y": "relu(x) * relu(x)"}, "hvp", x=[1000.0, 1e-4])
    assert verdict(case).agrees
    off = verdict(case, both={"H v[x]": lambda hv: hv * np.array([1, 0.5], hv.dtype)})
    assert of(off, "H v[x]").verdict.reason == "bug"


@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_is_known_in_every_dtype(dtype: str) -> None:
    case = replace(case_of(MIXED, "hvp", **ARRAYS), dtype=dtype)  # type: ignore[arg-type]
    from gradcmp.judge.noise.nearby_points import derived_noise

    plan = check(case)
    arrays = plan.draw()
    assert arrays.asked is not None
    noise = derived_noise(plan.graph, arrays.inputs, arrays.cotangent, arrays.asked, dtype)  # type: ignore[arg-type]
    assert noise.keys() == set(NAMES["hvp"])
    assert all(np.all(np.isfinite(one.s)) and np.all(one.s > 0) for one in noise.values())


def test_directions_are_of_the_seed_and_the_name() -> None:
    case = case_of(MIXED, "hvp", **ARRAYS)
    asked, again = check(case).draw().asked, check(replace(case, seed=1)).draw().asked
    assert asked is not None
    assert again is not None
    assert not np.array_equal(asked.tangents["X"], again.tangents["X"])
    alone = check(replace(case, wrt=("W",))).draw().asked
    assert alone is not None
    assert np.array_equal(asked.tangents["W"], alone.tangents["W"])
    assert alone.wrt == ("W",)


def test_a_hessian_that_is_too_large_is_refused_with_the_way_out() -> None:
    case = case_of({"y": "sum(x * x * x)"}, "hessian", x=[0.5] * 257)
    with pytest.raises(UsageError, match=r"hessian of 257 × 257 numbers.*ask for hvp"):
        check(case)
    assert check(replace(case, derivative="hvp"))


def test_the_reference_has_no_step_in_half_a_precision() -> None:
    case = replace(
        case_of(MIXED, "hvp", **ARRAYS),
        backends=(BackendSpec("numpy"), BackendSpec("numpy", dtype="bfloat16")),
    )
    with pytest.raises(UsageError, match="'numpy' has no hvp in bfloat16"):
        check(case)
    assert check(replace(case, derivative="jacobian"))


CONFIG = """
name: small
inputs: {X: normal:3x2, W: normal:2x2}
graph: {h: tanh(X @ W), out: softmax(h) * h}
derivative: hvp
backends: [numpy, "numpy,dtype=float32"]
"""


@pytest.mark.processes
def test_on_the_record_and_on_the_command_line(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    config, golden, plain = tmp_path / "small.yaml", tmp_path / "golden", tmp_path / "plain"
    config.write_text(CONFIG)

    def said(*arguments: object) -> tuple[int, str]:
        code = main([*map(str, arguments)])
        return code, "".join(capsys.readouterr())

    assert said("run", config, "--record-golden", golden)[0] == ExitCode.AGREE
    code, text = said("run", config, "--against-golden", golden)
    assert code == ExitCode.AGREE
    assert "H v[W]" in text
    first_order = ("--derivative", "gradient", "--record-golden", plain)
    assert "H v[W]" not in said("run", config, *first_order)[1]
    code, text = said("run", config, "--against-golden", plain)
    assert code == ExitCode.USAGE
    assert "recorded with another derivative, gradient and not hvp" in text
    code, text = said("explain", config)
    assert code == ExitCode.USAGE
    assert "asks for hvp, and gradients alone are derived by hand" in text


def test_a_recording_from_before_there_was_more_than_the_gradient_is_read() -> None:
    case = check(case_of(MIXED, "gradient", **ARRAYS)).case
    shapes = {name: InputSpec("values", np.shape(array)) for name, array in ARRAYS.items()}
    facts = case_to_facts(replace(case, inputs=shapes), ORIGIN)
    assert facts.pop("derivative") == "gradient"
    assert case_of_facts(facts).derivative == "gradient"
    with pytest.raises(RecordingError, match="derivative 'third', which is not one of"):
        case_of_facts({**facts, "derivative": "third"})
