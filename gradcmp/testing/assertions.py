"""Assertions for tests: plain functions, which need no plugin."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from gradcmp.case import Fixed, Tolerance
from gradcmp.functions.compare import compare_functions
from gradcmp.functions.question import Function
from gradcmp.judge import CaseVerdict, Comparison, compare
from gradcmp.native.arrays import as_it_is
from gradcmp.report.screen.plain import Screen
from gradcmp.tolerances import DTypeTable

Tested: TypeAlias = Callable[..., Any] | Function


class GradientWarning(UserWarning):
    """Gradients agree with a reservation: digits were lost, a tie, a check that is weak."""


def assert_gradients_agree(
    actual: Tested, *, against: Tested, inputs: Mapping[str, Any], **options: Any
) -> CaseVerdict:
    """Assert that two functions have the same values and gradients, but for rounding.

    There is no tolerance: `gradcmp.compare_functions` tells rounding from a bug.

    Parameters
    ----------
    actual : callable or Function
        The function that is tested: ``gradcmp.Function(f, mode="compile")`` runs it in a mode.
    against : callable or Function
        What it must agree with.
    inputs : mapping of str to array, tensor or str
        As `compare_functions` takes them.
    **options
        As `compare_functions` takes them: ``dtype="bfloat16"``, ``wrt=["x"]``, ``seed=1``,
        ``strict=True``; ``parameters`` is that of the function that is tested.

    Returns
    -------
    CaseVerdict
        For a closer look.

    Raises
    ------
    AssertionError
        When they disagree, or nothing could be compared: what the screen would show.

    Warns
    -----
    GradientWarning
        When they agree with a reservation.
    """
    __tracebackhide__ = True
    tested, reference = _names(actual, against)
    functions = {tested: actual, reference: against}
    options = {"name": tested, **options}
    if "parameters" in options:
        options["parameters"] = {tested: options["parameters"]}
    verdict = compare_functions(functions, inputs, against=reference, **options)
    if not verdict.agrees:
        raise AssertionError(Screen().of_case(verdict))
    if verdict.warnings or verdict.weak:
        warnings.warn(Screen().of_case(verdict), GradientWarning, stacklevel=2)
    return verdict


def _names(actual: Tested, against: Tested) -> tuple[str, str]:
    """Return what to call two functions; with one name they are told apart by their parts."""
    found = _name(actual), _name(against)
    return found if found[0] != found[1] else ("actual", "expected")


def _name(function: Tested) -> str:
    if isinstance(function, Function):
        name = _name(function.function)
        return f"{name}:{function.mode}" if function.mode else name
    owner = getattr(function, "__self__", None)
    name = getattr(owner if isinstance(owner, type) else function, "__name__", "")
    name = name or type(function).__name__
    return "function" if name == "<lambda>" else name


def assert_close(
    actual: Any, expected: Any, *, rtol: float | None = None, atol: float | None = None
) -> None:
    """Assert that arrays or tensors of any framework are close, element by element.

    NaN is close to NaN in the same place alone, and shapes must be equal. What is not close is
    described in full: how many elements, where, by how much, and the likely cause is for
    `assert_gradients_agree`.

    Parameters
    ----------
    actual, expected : array, tensor, or mapping of str to them
        Mappings, of mappings too, must have the same keys.
    rtol, atol : float, optional
        ``|a - e| <= atol + rtol |e|``; the table by dtype unless one of them is given, the other
        being 0.

    Raises
    ------
    AssertionError
        With all that is not close, not the first alone.
    """
    __tracebackhide__ = True
    tolerance: Tolerance = DTypeTable()
    if rtol is not None or atol is not None:
        tolerance = Fixed(rtol or 0.0, atol or 0.0)
    wrong = [*_far(actual, expected, tolerance)]
    if wrong:
        raise AssertionError("\n".join(wrong))


def _far(actual: Any, expected: Any, tolerance: Tolerance, name: str = "") -> Iterator[str]:
    told = f"'{name}': " if name else ""
    if not isinstance(actual, Mapping) and not isinstance(expected, Mapping):
        yield from _described(told, compare(as_it_is(actual), as_it_is(expected), tolerance))
        return
    if not isinstance(actual, Mapping) or not isinstance(expected, Mapping):
        yield f"{told}only one of the two is a mapping of arrays by name"
        return
    if not actual and not expected:
        yield f"{told}nothing was compared: there is no array on either side"
    for key in dict.fromkeys([*actual, *expected]):
        below = f"{name}.{key}" if name else str(key)
        if key in actual and key in expected:
            yield from _far(actual[key], expected[key], tolerance, below)
        else:
            yield f"'{below}': only {'actual' if key in actual else 'expected'} has it"


def _described(name: str, seen: Comparison) -> Iterator[str]:
    if seen.agrees:
        if not seen.total:
            yield f"{name}nothing was compared: both are empty"
        return
    reason = f"{seen.verdict.reason}: {seen.verdict.detail}".rstrip(": ")
    if not seen.total:
        yield f"{name}nothing was compared ({reason})"
        return
    yield f"{name}{seen.disagreeing} of {seen.total} elements are not close ({reason})"
    yield f"  rule {seen.rule}"
    if seen.worst is not None:
        worst = seen.worst
        yield (
            f"  worst at {[*worst.index]}: actual {worst.actual!r}, expected {worst.expected!r}, "
            f"difference {worst.absolute:.3g}, allowed {worst.allowed:.3g}"
        )
