"""The smallest lengths at which a case still disagrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from gradcmp.case import Case
from gradcmp.errors import ExitCode, GradcmpError
from gradcmp.judge import CaseVerdict

POWERS = 12  # lengths beside powers of two are tried, up to 4097
FIRST = 5  # lengths from 0 on that are all tried


def shrunk(verdict: CaseVerdict, case: Case, run: Callable[[Case], CaseVerdict]) -> CaseVerdict:
    """Return the verdict on a case with its smallest lengths, where its config names lengths.

    Lengths are those of inputs; all else is what the command line has made of the case.
    """
    at = case.at_sizes
    if at is None:
        return verdict
    return with_smallest(
        verdict, case.sizes, lambda sizes: run(replace(case, inputs=at(sizes).inputs, sizes=sizes))
    )


def with_smallest(
    verdict: CaseVerdict,
    sizes: Mapping[str, int],
    judged: Callable[[Mapping[str, int]], CaseVerdict],
) -> CaseVerdict:
    """Return a verdict with the smallest lengths that are still wrong, in words.

    Parameters
    ----------
    sizes : mapping of str to int
        Those of the verdict, by name.
    judged : callable
        Returns the verdict at others.
    """
    if not sizes or verdict.exit_code is not ExitCode.DISAGREE:
        return verdict
    known, said = dict(sizes), []
    for name in sizes:
        right: int | None = None
        for length in candidates(known[name]):
            if _disagrees(judged, {**known, name: length}):
                known[name] = length
                break
            right = length
        beside = "" if right is None else f" ({name}={right} is right)"
        said.append(f"{name}={known[name]}{beside}")
    return replace(verdict, smallest=f"the smallest that is wrong: {', '.join(said)}")


def candidates(length: int) -> Iterator[int]:
    """Yield lengths below one, where functions that work in blocks go wrong."""
    tried = {*range(FIRST), *(2**p + d for p in range(3, POWERS + 1) for d in (-1, 0, 1))}
    yield from sorted(one for one in tried if one < length)


def _disagrees(
    judged: Callable[[Mapping[str, int]], CaseVerdict], sizes: Mapping[str, int]
) -> bool:
    try:
        return judged(sizes).exit_code is ExitCode.DISAGREE
    except GradcmpError:  # there is no such case: indices beyond the length, shapes that do not fit
        return False
