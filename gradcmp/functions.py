"""Functions of the user, compared where they are: `compare_functions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gradcmp import inputs as drawn
from gradcmp.case import BackendSpec, Case, Cotangent, DType, InputSpec
from gradcmp.config import parse_input
from gradcmp.errors import BackendError, GradcmpError, UsageError, did_you_mean
from gradcmp.judge import CaseVerdict
from gradcmp.judge.case import judge_body
from gradcmp.native.arrays import as_array
from gradcmp.native.body import CodeBody, CodeOutline
from gradcmp.native.constants import forgive_constants
from gradcmp.native.frameworks import engine, framework_of
from gradcmp.native.nudged import own_noise_of
from gradcmp.native.outcome import Outcome
from gradcmp.native.recorded import recorded, shared
from gradcmp.native.side import Side
from gradcmp.recording import Array, Failure, Recording
from gradcmp.recording import Outcome as Recorded

Function = Callable[..., Any]


def compare_functions(
    functions: Mapping[str, Function],
    inputs: Mapping[str, Any],
    *,
    against: str | None = None,
    wrt: Sequence[str] | None = None,
    dtype: DType = "float32",
    seed: int = 0,
    cotangent: Cotangent = "random",
    strict: bool = False,
    framework: str | Mapping[str, str] | None = None,
    device: str = "cpu",
    name: str = "functions",
) -> CaseVerdict:
    """Compare the values and gradients of functions that are to compute the same.

    Each is run in `dtype`, and in float64 to tell rounding from a bug; there is no tolerance. The
    float64 run of one of them is the reference.

    Parameters
    ----------
    functions : mapping of str to callable
        By any label: functions of torch, TensorFlow or JAX, modules and layers, or functions of
        NumPy that return ``(value, gradients)`` or ``(value, pullback)``. They take their inputs by
        name, and return one output, a tuple or a dict.
    inputs : mapping of str to array, tensor or str
        Arrays or tensors of any framework, numbers, or specifications: ``"normal:4x3"``.
    against : str, optional
        The label of the reference: the last of the functions unless it is given.
    wrt : sequence of str, optional
        What to differentiate with respect to: every real input and parameter unless it is given.
    cotangent : {"random", "ones"}
        The upstream gradient of outputs that are not scalars.
    strict : bool
        Whether warnings fail.
    framework : str or mapping of str to str, optional
        Of all functions, or by label; told from the functions themselves unless it is given.

    Raises
    ------
    GradcmpError
        For inputs that do not fit, and frameworks that cannot be told. What goes wrong inside of a
        function is that function's outcome instead.
    """
    if len(functions) < 2:
        raise UsageError("one function alone has nothing to agree with", way_out="Give two or more")
    against = [*functions][-1] if against is None else against
    if against not in functions:
        way_out = did_you_mean(against, functions)
        raise UsageError(f"against='{against}' is none of the functions", way_out=way_out)
    case = _case(name, inputs, functions, dtype, seed, cotangent, strict, device)
    prepared = _prepare(case, functions, inputs, wrt, framework, device, against)
    return _judge(replace(case, wrt=_wrt(prepared, wrt)), prepared, against)


def _wrt(sides: Mapping[str, Side], wrt: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(wrt or dict.fromkeys(name for side in sides.values() for name in side.wrt))


def _case(
    name: str,
    inputs: Mapping[str, Any],
    functions: Mapping[str, Function],
    dtype: DType,
    seed: int,
    cotangent: Cotangent,
    strict: bool,
    device: str,
) -> Case:
    specs = {one: _spec(one, given) for one, given in inputs.items()}
    sides = tuple(BackendSpec(label, dtype=dtype, device=device) for label in functions)
    return Case(
        name,
        specs,
        {},
        "output",
        (),
        sides,
        seed=seed,
        cotangent=cotangent,
        dtype=dtype,
        strict=strict,
    )


def _spec(name: str, given: Any) -> InputSpec:
    if isinstance(given, InputSpec):
        return given
    if isinstance(given, str):
        return parse_input(name, given)
    return InputSpec("values", as_array(name, given).shape)


def _arrays(case: Case, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Return all inputs, rounded to what the dtype of the case holds."""
    written = {
        name: spec
        for name, spec in case.inputs.items()
        if isinstance(inputs[name], str | InputSpec)
    }
    arrays = drawn.draw(replace(case, inputs=written))
    for name, given in inputs.items():
        if name not in written:
            arrays[name] = _rounded(as_array(name, given), case.dtype)
    return {name: arrays[name] for name in inputs}


def _rounded(array: Array, dtype: DType) -> Array:
    return drawn.round_to(array, dtype) if array.dtype.kind == "f" else array


def _prepare(
    case: Case,
    functions: Mapping[str, Function],
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None,
    framework: str | Mapping[str, str] | None,
    device: str,
    against: str,
) -> dict[str, Side]:
    """Return every function at the inputs, and at the reference's parameters."""
    given, cotangent = _arrays(case, inputs), partial(_cotangent, case)
    homes = {
        label: framework
        if isinstance(framework, str)
        else (framework or {}).get(label) or framework_of(function, label)
        for label, function in functions.items()
    }

    def prepared(label: str, arrays: Mapping[str, Array], names: Sequence[str] | None) -> Side:
        side: Side = engine(homes[label]).prepare(
            functions[label],
            arrays,
            wrt=names,
            cotangents=cotangent,
            device=device,
            seed=case.seed,
        )
        return side

    first = {label: prepared(label, given, None) for label in functions}
    parameters: dict[str, Array] = {}
    for label in dict.fromkeys((against, *functions)):
        for name, array in first[label].parameters.items():
            parameters.setdefault(name, _rounded(as_array(name, array), case.dtype))
    known = {*given, *parameters}
    for name in wrt or ():
        if name not in known:
            way_out = did_you_mean(name, known)
            raise UsageError(f"there is no input '{name}' to differentiate by", way_out=way_out)
    return {
        label: prepared(
            label,
            {**given, **{name: parameters[name] for name in side.parameters}},
            None if wrt is None else [name for name in wrt if name in side.wrt],
        )
        for label, side in first.items()
    }


def _cotangent(case: Case, output: str, shape: tuple[int, ...]) -> Array:
    return drawn.cotangent(case, shape, "" if output == "output" else output)


@dataclass(frozen=True)
class Runs:
    """What the functions gave.

    Attributes
    ----------
    plain, clean : mapping of str to Outcome
        In the dtype of the case and in float64, by label, of those that could.
    failures : mapping of str to Failure
        Why one could not run in the dtype of the case.
    unable : mapping of str to Failure
        Why one could not run in float64.
    """

    plain: Mapping[str, Outcome]
    clean: Mapping[str, Outcome]
    failures: Mapping[str, Failure]
    unable: Mapping[str, Failure]


def _run(case: Case, sides: Mapping[str, Side]) -> Runs:
    plain = {
        label: _attempt(label, partial(side.plain, case.dtype)) for label, side in sides.items()
    }
    clean = {
        label: _attempt(label, partial(sides[label].clean, case.dtype))
        for label, one in plain.items()
        if isinstance(one, Outcome)
    }
    return Runs(
        {label: one for label, one in plain.items() if isinstance(one, Outcome)},
        {label: one for label, one in clean.items() if isinstance(one, Outcome)},
        {label: one for label, one in plain.items() if isinstance(one, Failure)},
        {label: one for label, one in clean.items() if isinstance(one, Failure)},
    )


def _attempt(label: str, run: Callable[[], Outcome]) -> Outcome | Failure:
    """Run a function; whatever it raises is its own verdict."""
    try:
        return run()
    except BackendError as error:
        return Failure(label, "error", str(error))
    except GradcmpError:
        raise
    except Exception as error:  # noqa: BLE001
        return Failure(label, "error", f"{type(error).__name__}: {error}")


def _judge(case: Case, sides: Mapping[str, Side], against: str) -> CaseVerdict:
    runs, cotangent = _run(case, sides), partial(_cotangent, case)
    made = {
        label: recorded(label, sides[label], one, case.dtype, cotangent)
        for label, one in runs.plain.items()
    }
    fine = {
        label: recorded(label, sides[label], one, "float64", cotangent)
        for label, one in runs.clean.items()
    }
    recordings = shared(made, runs.plain)
    if against not in fine:
        return CaseVerdict(case, against, {**recordings, **runs.failures, **runs.unable})
    twins = shared(fine, runs.plain)
    reference = f"{against},dtype=float64" if case.dtype != "float64" else against
    base = replace(twins[against], backend=reference)
    ordered = {label: recordings[label] for label in dict.fromkeys((against, *recordings))}
    outcomes: dict[str, Recorded] = {reference: base, **ordered, **runs.failures}
    outline = CodeOutline(
        tuple({**sides[against].parameters, **sides[against].inputs}),
        tuple(name for name in base.values if name in runs.clean[against].taps),
        tuple(runs.clean[against].outputs),
    )
    plain = recordings[against].tensors if case.dtype == "float32" else {}
    body = CodeBody(outline, sides, runs.clean, against, cotangent, plain)
    case = replace(case, output=outline.outputs[0])
    judged = partial(judge_body, case, body, reference)
    verdict = judged(outcomes, twins)
    if verdict.unearned:
        own = own_noise_of(sides, recordings, twins, verdict.unearned, case.dtype, cotangent)
        noted = {
            label: replace(one, own_noise=own[label])
            if isinstance(one, Recording) and label in own
            else one
            for label, one in outcomes.items()
        }
        verdict = judged(noted, twins)
    return forgive_constants(verdict, sides, case.dtype)
