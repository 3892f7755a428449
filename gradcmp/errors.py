"""The exception tree: facts and an exit code; the text is made late, in `__str__`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum

from gradcmp.outside.printable import clean

DEBUGGING = "GRADCMP_DEBUG"  # the variable that has workers write tracebacks of the user's code
FEW = 12  # choices that still fit into a sentence


class ExitCode(IntEnum):
    """The exit status of the process; no other is ever returned."""

    AGREE = 0
    DISAGREE = 1
    USAGE = 2
    COULD_NOT_COMPARE = 3
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143
    BROKEN_OFF = 149  # by Windows' Ctrl-Break


@dataclass(frozen=True)
class Location:
    """A place in a file, which an editor can jump to.

    Attributes
    ----------
    file : str
        Empty for the built-in case, which is in no file of the user's: such a place is False.
    """

    file: str
    line: int | None = None

    def __bool__(self) -> bool:
        return bool(self.file)

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


NOWHERE = Location("")  # the place of the built-in case


class GradcmpError(Exception):
    """A fact, the place where it was found and the way out.

    Parameters
    ----------
    fact : str
        What is wrong and what was expected, without a full stop.
    where : Location, optional
        The file and line; a caller who knows them adds them with `at`.
    way_out : str, optional
        What the reader can do about it: a sentence without a full stop, or a question.

    Attributes
    ----------
    more : tuple of GradcmpError
        What else was found wrong; each has a line of the text.
    printed : iterable of str, optional
        Lines that a program wrote, to be shown below.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(
        self,
        fact: str,
        *,
        where: Location | None = None,
        way_out: str | None = None,
        printed: Iterable[str] = (),
    ) -> None:
        super().__init__(fact)
        self.fact = fact
        self.where = where
        self.way_out = way_out
        self.more: tuple[GradcmpError, ...] = ()
        self.printed = tuple(printed)

    def __str__(self) -> str:
        printed = (f"  | {clean(one)}" for one in self.printed)
        return "\n".join([clean(self._sentence), *printed, *map(str, self.more)])

    @property
    def _sentence(self) -> str:
        text = self.fact if self.where is None else f"{self.where}: {self.fact}"
        if self.way_out:
            text += f". {self.way_out}" + ("" if self.way_out.endswith(("?", ".")) else ".")
        return text

    def each(self) -> tuple[GradcmpError, ...]:
        """Return itself without what else is wrong, and that."""
        return (_with_more(self), *self.more)

    def at(self, where: Location | None) -> GradcmpError:
        """Add the place, unless a more precise one is known already."""
        self.where = self.where or where
        return self


class UsageError(GradcmpError):
    """A command line that asks for something impossible."""


class ConfigError(GradcmpError):
    """A config file that cannot be read as cases."""


class GraphError(GradcmpError):
    """A graph whose expressions, names or shapes do not fit together."""


class InputError(GradcmpError):
    """An input that cannot be drawn or loaded."""


class RecordingError(GradcmpError):
    """A recording that is truncated, foreign or inconsistent."""


class BackendError(GradcmpError):
    """A backend that was requested and cannot compute: absent, or unable."""

    exit_code = ExitCode.COULD_NOT_COMPARE


class AbsentError(BackendError):
    """What a backend needs and is not there: all that ``required: false`` excuses."""


class NothingComparedError(GradcmpError):
    """Nothing was compared, which is never a success."""

    exit_code = ExitCode.COULD_NOT_COMPARE


class ResourceError(GradcmpError):
    """Memory, open files or room on a disk of which the machine has no more."""

    exit_code = ExitCode.COULD_NOT_COMPARE


class InternalError(GradcmpError):
    """An error in gradcmp itself."""

    exit_code = ExitCode.COULD_NOT_COMPARE


def explained(error: Exception, what: str = "") -> GradcmpError:
    """Return an error that nobody has caught as one of ours.

    Parameters
    ----------
    what : str
        What it spoilt, as the beginning of the sentence.
    """
    if isinstance(error, GradcmpError):
        return error
    if isinstance(error, MemoryError):
        detail = f" ({error})" if str(error) else ""
        return ResourceError(f"{what}memory ran out{detail}", way_out="Make it smaller")
    if isinstance(error, OSError) and error.strerror:
        place = f": '{error.filename}'" if error.filename else ""
        return ResourceError(f"{what}the operating system says: {error.strerror}{place}")
    fact = f"{what}internal error: {type(error).__name__}: {error}"
    return InternalError(fact, way_out="See it whole with --debug")


def together(errors: Sequence[GradcmpError]) -> GradcmpError:
    """Return the first of several errors, which says the others too, each once."""
    each = {str(one): one for error in errors for one in error.each()}
    return _with_more(*each.values())


def _with_more(first: GradcmpError, *more: GradcmpError) -> GradcmpError:
    changed = copy(first)
    changed.more = more
    return changed


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return the way out of a misspelt `word`: the nearest choice, else all of them.

    Returns
    -------
    str or None
        ``Did you mean 'torch'?`` when something is near, else ``Choose from a, b, c`` if that
        is a short list.
    """
    known = sorted(set(choices))
    near = get_close_matches(word, known, n=1, cutoff=0.6) or [
        choice for choice in known if choice.lower() == word.lower()
    ]
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Choose from {', '.join(known)}" if 0 < len(known) <= FEW else None
