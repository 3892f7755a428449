"""What code of the user raised, in a sentence: kind, message, and where in the user's own file."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from traceback import print_exception, walk_tb

from gradcmp.errors import DEBUGGING

LENGTH = 400  # characters: a compiler's complaint can be megabytes, its start tells
FRAMEWORKS = {"torch", "functorch", "triton", "tensorflow", "keras", "jax", "jaxlib", "numpy"}
OWN = str(Path(__file__).parents[2]) + os.sep
STANDARD = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib")})
PACKAGES = ("site-packages", "dist-packages")
GENERATED = re.compile(r"__autograph_generated_file|^<(?!stdin>|ipython-input)")
# What frameworks add to a message: its place is said otherwise, and their own says nothing.
BEHIND = re.compile(
    r"\n(The error occurred while tracing|See https?://|\nArguments received by|\n?from user code:"
    r"| +Hint: )"
)
ASIDE = re.compile(r"\x1b\[[0-9;]*m|\{\{function_node [^}]*\}\} ?| name: *$")
WRITTEN = re.compile(r'^ *File "([^"]+)", line (\d+), in (.+?)(?: +\*+)?$', re.MULTILINE)


@dataclass(frozen=True)
class Frame:
    """A call, by the line that it had come to."""

    file: str
    line: int
    function: str

    @property
    def package(self) -> str:
        """The installed package that it is of; nothing for what is the user's, or of Python."""
        parts = Path(self.file).parts
        inside = [parts.index(one) for one in PACKAGES if one in parts]
        return parts[inside[0] + 1].removesuffix(".py") if inside else ""

    @property
    def is_foreign(self) -> bool:
        """Whether it is of Python, of a framework or ours, or of what was generated."""
        if GENERATED.search(self.file) or self.file.startswith(OWN):
            return True
        package = self.package
        return package in FRAMEWORKS if package else self.file.startswith(STANDARD)

    def __str__(self) -> str:
        place = f"{Path(self.file).name}:{self.line}"
        name = self.function.rpartition("<locals>.")[2]
        return place if name == "<module>" else f"{place}, in {name}"


def raised(error: BaseException) -> str:
    """Return the kind of an error, its message and place: ``KeyError: 'w' (kernels.py:3, in f)``.

    The place is that of the innermost call in a file of the user; there is none where a framework
    refuses what the user's code has returned.
    """
    place = _place(error)
    text = _text(error)
    return f"{text} ({place})" if place else text


def shown(error: BaseException) -> None:
    """Print the traceback where ``--debug`` asks for it: what a worker writes last is shown."""
    if os.environ.get(DEBUGGING):
        print_exception(error)


def _text(error: BaseException) -> str:
    # Autograph puts a traceback of its own before the message.
    metadata = getattr(error, "ag_error_metadata", None)
    own = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    told = BEHIND.split(getattr(metadata, "cause_message", None) or own)[0]
    text = " ".join(ASIDE.sub("", told).split()).rstrip(":. ")
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


def _place(error: BaseException) -> Frame | None:
    """Return the innermost call of the user: of what is installed only where there is no other."""
    if isinstance(error, SyntaxError) and error.filename:
        return Frame(error.filename, error.lineno or 0, "<module>")
    while True:
        met = [one for one in _frames(error) if not one.is_foreign]
        if met:
            home = "" if any(not one.package for one in met) else met[0].package
            return [one for one in met if one.package == home][-1]
        before = error.__cause__ or error.__context__
        if before is None:
            return None
        error = before


def _frames(error: BaseException) -> Iterator[Frame]:
    for frame, line in walk_tb(error.__traceback__):
        code = frame.f_code
        yield Frame(code.co_filename, line, getattr(code, "co_qualname", code.co_name))
    # What autograph has rewritten, or torch has traced, is nowhere else.
    for file, line, function in WRITTEN.findall(str(error)):
        yield Frame(file, int(line), function)
