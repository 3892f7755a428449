"""How a case is run again: a line for a shell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import join

from gradcmp.case import Case, Fixed, InputSpec
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.answer.environment import is_saved

WRITTEN = frozenset(("normal", "uniform", "ones", "zeros", "arange", "constant", "integers"))
ALL = 3  # backends of a case that are named; of more none is, and all run


def command(verdict: CaseVerdict, labels: Sequence[str] = ()) -> str:
    """Return the command that runs a case again; empty where a shell has none.

    Parameters
    ----------
    labels : sequence of str, optional
        Backends that show what is wrong; all of the case unless they are given.
    """
    case = verdict.case
    if any(map(is_saved, verdict.recordings.values())):
        return ""
    if case.where is not None:
        words = [*_config(case), *_backends(verdict, labels), *_changed(case)]
        return join(["gradcmp", "run", *words])
    inputs = list(_inputs(case.inputs))
    if len(inputs) < len(case.inputs):
        return ""
    if len(case.code) == 2:
        return join(["gradcmp", "call", *_functions(case), *_flat(inputs), *_changed(case)])
    if len(case.graph) == 1 and not case.code:
        (expression,) = case.graph.values()
        wanted = labels or [str(backend) for backend in case.backends]
        words = [*_flat(inputs), *_backends(verdict, wanted), *_changed(case)]
        return join(["gradcmp", "expr", expression.text, *words])
    return ""


def _config(case: Case) -> Iterator[str]:
    """Yield the config and the name of the case in it; the built-in one needs no file."""
    if case.where:
        yield from (case.where.file, "--case", case.name)


def _backends(verdict: CaseVerdict, labels: Sequence[str]) -> Iterator[str]:
    """Yield the backends that are needed; the reference comes by itself."""
    if verdict.case.code or len(labels) > ALL:
        return
    named = {str(backend) for backend in verdict.case.backends}
    for label in labels:
        if label in named and label != verdict.reference:
            yield from ("-b", label)


def _changed(case: Case) -> Iterator[str]:
    """Yield what may have been asked for on the command line."""
    if case.seed:
        yield from ("--seed", str(case.seed))
    if case.dtype != "float32":
        yield from ("--dtype", case.dtype)
    if isinstance(case.tolerance, Fixed) and not case.code:
        yield from ("--rtol", f"{case.tolerance.rtol:g}", "--atol", f"{case.tolerance.atol:g}")
    if case.strict:
        yield "--strict"


def _inputs(inputs: Mapping[str, InputSpec]) -> Iterator[str]:
    """Yield the inputs that an option can write."""
    for name, spec in inputs.items():
        if spec.kind in WRITTEN and spec.shape is not None:
            size = "x".join(map(str, spec.shape))
            given = {key: str(value) for key, value in spec.parameters.items()}
            more = ",".join(f"{key}={text.removesuffix('.0')}" for key, text in given.items())
            yield f"{name}={spec.kind}:{size}{f':{more}' if more else ''}"


def _flat(inputs: Sequence[str]) -> Iterator[str]:
    for one in inputs:
        yield from ("-i", one)


def _functions(case: Case) -> Iterator[str]:
    """Yield the function that is tested, and the one that it must agree with."""
    reference = case.reference or next(iter(case.code))
    tested = next(label for label in case.code if label != reference)
    written = {label: f"{code.backend.name}={code.source}" for label, code in case.code.items()}
    yield from (written[tested], "--against", written[reference])
