"""Functions of the user, compared where they are: `compare_functions`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcmp.case import ONCE, Case, Cotangent, DType, Effort
from gradcmp.case import Layouts as LayoutChoice
from gradcmp.derivatives import Derivative
from gradcmp.errors import UsageError, did_you_mean
from gradcmp.functions.again.steady import unsteady, without
from gradcmp.functions.isolated.parts import Isolation, isolated
from gradcmp.functions.judged.runs import judged
from gradcmp.functions.layouts.check import layouts_of
from gradcmp.functions.outputs import with_same_outputs
from gradcmp.functions.question import (
    Function,
    arrays_of,
    beyond,
    case_of,
    dtype_named,
    require_choices,
    taken_apart,
)
from gradcmp.functions.recorded import notes_on
from gradcmp.functions.sides import Make, Runs, Sides, at_one_point, require_taps, run
from gradcmp.judge import CaseVerdict
from gradcmp.native.arranging.arrangement import Arrangement, Handed
from gradcmp.native.arranging.asked import as_asked
from gradcmp.native.frameworks import engine
from gradcmp.native.side import Function as Call
from gradcmp.native.side import Side
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Array


def compare_functions(
    functions: Mapping[str, Call | Function],
    inputs: Mapping[str, Any],
    *,
    against: str | None = None,
    wrt: str | Sequence[str] | None = None,
    dtype: DType | Any = "float32",
    seed: int = 0,
    cotangent: Cotangent = "random",
    derivative: Derivative = "gradient",
    strict: bool = False,
    framework: str | Mapping[str, str] | None = None,
    device: str = "cpu",
    layouts: LayoutChoice = "auto",
    name: str = "functions",
    parameters: Mapping[str, Handed] | None = None,
    taps: Mapping[str, Mapping[str, str]] | None = None,
    isolate: bool = False,
) -> CaseVerdict:
    """Compare the values and gradients of functions that are to compute the same.

    Each is run in `dtype`, and in float64 to tell rounding from a bug; there is no tolerance. The
    float64 run of one of them is the reference.

    Parameters
    ----------
    functions : mapping of str to callable or Function
        By any label: functions of torch, TensorFlow or JAX, modules and layers, or functions of
        NumPy that return ``(value, gradients)`` or ``(value, pullback)``. They take their inputs by
        name, and return one output, a tuple or a dict. A label such as ``"torch:compile"``, or a
        `Function`, says in which mode one is run.
    inputs : mapping of str to array, tensor, str or container
        Arrays or tensors of any framework, numbers, or specifications: ``"normal:4x3"``. Of dicts,
        lists, tuples, dataclasses and modules that JAX knows as pytrees each array is an input of
        its own: ``params.layers.0.w``.
    against : str, optional
        The label of the reference: the last of the functions unless it is given.
    wrt : str or sequence of str, optional
        What to differentiate with respect to: every real input and parameter unless it is given.
    dtype : str, or a dtype of NumPy or a framework
        ``"bfloat16"``, ``torch.bfloat16``: one of real numbers.
    cotangent : {"random", "ones"}
        The upstream gradient of outputs that are not scalars.
    derivative : {"gradient", "jvp", "hvp", "jacobian", "hessian"}
        What is compared besides values and gradients: functions that bring no parameters, and
        take arrays alone, have more.
    strict : bool
        Whether warnings fail.
    framework : str or mapping of str to str, optional
        Of all functions, or by label; told from the functions themselves unless it is given.
    layouts : {"auto", "all", "off"}
        Whether functions in torch are also run with inputs and cotangents that lie in memory
        otherwise: as many as there is time for, all, or none. See `CaseVerdict.layouts`.
    parameters : mapping of str to mapping or callable, optional
        By label, what a function's own parameters are made of: its names by those of the
        reference's parameters, or a function that is given the reference's parameters, as arrays of
        its framework, and returns its own. A function that takes parameters of the reference by
        their names needs none.
    taps : mapping of str to mapping of str to str, optional
        By label, what taps and modules of that function are called in the others.
    isolate : bool
        Whether what lies between two taps is also run alone, on the reference's values and
        gradients: who is wrong by itself, and who hands on what it was given. See
        `CaseVerdict.isolated`.

    Raises
    ------
    GradcmpError
        For inputs that do not fit, and frameworks that cannot be told. What goes wrong inside of a
        function is that function's outcome instead.
    """
    if len(functions) < 2:
        raise UsageError("one function alone has nothing to agree with", way_out="Give two or more")
    dtype = dtype_named(dtype)
    require_choices(
        dtype=dtype, cotangent=cotangent, derivative=derivative, layouts=layouts, seed=seed
    )
    seed, wrt = int(seed), (wrt,) if isinstance(wrt, str) else wrt
    against = [*functions][-1] if against is None else against
    if against not in functions:
        way_out = did_you_mean(against, functions)
        raise UsageError(f"against='{against}' is none of the functions", way_out=way_out)
    parameters, taps = parameters or {}, taps or {}
    require_labels("parameters", parameters, [one for one in functions if one != against])
    require_labels("taps", taps, functions)
    flat, trees = taken_apart(inputs)
    if derivative != "gradient" and trees:
        raise UsageError(
            f"input '{next(iter(trees))}' is a container, and {derivative} is along arrays",
            way_out="Hand over each array as an input of its own",
        )
    case = case_of(name, flat, functions, dtype, seed, cotangent, strict, device, layouts)
    case = beyond(case, derivative)
    named, cotangents = framework or {}, DrawnCotangents(case)
    makers = {
        label: _maker(
            case,
            Function.of(function, label, named if isinstance(named, str) else named.get(label)),
            label,
            cotangents,
            Arrangement(trees, parameters.get(label), taps=taps.get(label, {})),
        )
        for label, function in functions.items()
    }
    sides = at_one_point(case, makers, arrays_of(case, flat), wrt, against, parameters)
    sides = replace(sides, taps=taps)
    return compare_sides(case, sides, against, Effort(isolate=isolate), cotangents)


def require_labels(what: str, given: Mapping[str, object], functions: Collection[str]) -> None:
    """Refuse a label that none of the functions has.

    Raises
    ------
    UsageError
        For the first.
    """
    for label in given.keys() - {*functions}:
        way_out = did_you_mean(label, functions) or f"There are {', '.join(functions)}"
        raise UsageError(f"{what}['{label}'] is of no function that it can be for", way_out=way_out)


def _maker(
    case: Case,
    asked: Function,
    label: str,
    cotangents: DrawnCotangents,
    arrangement: Arrangement,
) -> Make:
    home = engine(asked.framework or "")
    (spec,) = [one for one in case.backends if one.name == label]

    def make(
        arrays: Mapping[str, Array], wrt: Sequence[str] | None, handed: tuple[str, ...]
    ) -> Side:
        function = as_asked(
            asked.function, asked.framework or "", asked.mode or "eager", wrt, cotangents
        )
        side: Side = home.prepare(
            function,
            arrays,
            wrt=wrt,
            cotangents=cotangents,
            device=spec.device,
            seed=case.seed,
            arrangement=replace(arrangement, handed=handed),
            **asked.options,
        )
        return side

    return make


def compare_sides(
    case: Case,
    prepared: Sides,
    against: str,
    effort: Effort = ONCE,
    cotangents: DrawnCotangents | None = None,
) -> CaseVerdict:
    """Run functions that are ready, and judge them; each of several runs, not the first alone.

    Parameters
    ----------
    against : str
        The label of the one whose float64 run is the reference; another's where it has none.
    cotangents : DrawnCotangents, optional
        Those of the functions, where they are at hand: drawn once for all.
    """
    cotangents = cotangents or DrawnCotangents(case)
    if effort.isolate and case.derivative != "gradient":
        raise UsageError(
            f"case '{case.name}' asks for {case.derivative}, and parts alone have gradients",
            where=case.where,
            way_out="Isolate it without 'derivative'",
        )
    asked, sides = case, prepared.ready
    wrt = case.wrt or tuple(dict.fromkeys(name for side in sides.values() for name in side.wrt))
    case, runs = replace(case, wrt=wrt), with_same_outputs(run(case, sides), against)
    require_taps(prepared.taps, runs.plain)
    runs = replace(runs, failures={**prepared.failures, **runs.failures})
    verdict = judged(case, sides, runs, against, effort, cotangents)
    if effort.repeat == 1:  # several runs say themselves what is not deterministic
        random = unsteady(case, verdict, sides, runs.plain)
        if random:
            left = without(prepared, {**runs.failures, **random})
            return compare_sides(asked, left, against, effort, cotangents)
    notes, alone = _notes(verdict, sides, runs), Isolation()
    if effort.isolate:
        alone = isolated(case, sides, runs, against, cotangents)
        notes = {
            label: (*notes.get(label, ()), *alone.notes.get(label, ())) for label in runs.plain
        }
    return replace(
        verdict,
        layouts=layouts_of(case, sides, runs),
        notes={label: said for label, said in notes.items() if said},
        isolated=alone.parts,
    )


def _notes(
    verdict: CaseVerdict, sides: Mapping[str, Side], runs: Runs
) -> dict[str, tuple[str, ...]]:
    wrong = {one for pair, *_ in verdict.disagreements for one in (pair.actual, pair.expected)}
    found = {}
    for label, plain in runs.plain.items():
        unable = runs.unable.get(label)
        why = unable.message if unable else ""
        found[label] = notes_on(sides[label], plain, runs.clean.get(label), why, label in wrong)
    return {label: said for label, said in found.items() if said}
