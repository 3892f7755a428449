"""Functions run in the dtype of a case and in float64; what one raises is its own verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from gradcmp.case import Case
from gradcmp.errors import BackendError, GradcmpError
from gradcmp.functions.remote import SideFailedError
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Side
from gradcmp.recording import Failure


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


def run(case: Case, sides: Mapping[str, Side]) -> Runs:
    """Run every function, in float64 those alone that run in the dtype of the case."""
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
    except SideFailedError as error:
        return error.failure
    except BackendError as error:
        return Failure(label, "error", str(error))
    except GradcmpError:
        raise
    except Exception as error:  # noqa: BLE001
        return Failure(label, "error", f"{type(error).__name__}: {error}")
