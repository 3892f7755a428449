"""The one place where text leaves the program."""

from __future__ import annotations

import io
import sys
from typing import IO, TYPE_CHECKING, Any, cast

from gradcmp.outside.printable import READABLE, clean_lines, unobeyed

if TYPE_CHECKING:
    from rich.console import Console

COLOR = "--color"
COLORS = {"auto": None, "always": True, "never": False}


def prepare() -> None:
    """Let the standard streams write what their encoding lacks by letters that look alike."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=READABLE)


def say(text: str, *, error: bool = False) -> None:
    """Print lines on standard output, or on standard error."""
    print(clean_lines(text), file=_outlet(sys.stderr if error else sys.stdout), flush=True)


def put(text: str) -> None:
    """Write a file to standard output: in UTF-8, whatever a screen has, unless it is one."""
    sys.stdout.flush()
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)
    else:
        sys.stdout.buffer.write(text.encode("utf-8", READABLE))
    sys.stdout.flush()


def console() -> Console:
    """Return the console on standard output: plain when piped, and as NO_COLOR and --color say.

    Brackets are text on it, as in ``pip install 'gradcmp[torch]'``, and no markup.
    """
    import click
    from rich.console import Console

    from gradcmp.report.words.ink import Spelt

    context = click.get_current_context(silent=True)
    coloured = COLORS[context.meta.get(COLOR, "auto")] if context else None
    screen = Console(
        file=_outlet(sys.stdout),
        highlight=False,
        markup=False,
        force_terminal=coloured or None,
        no_color=None if coloured is None else not coloured,
        soft_wrap=not sys.stdout.isatty(),
    )
    screen.push_render_hook(Spelt())
    return screen


class Outlet:
    """A standard stream that writes no command of a CI system; all else of it is the stream's."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text that ends with its line."""
        return self._stream.write(unobeyed(text))


def _outlet(stream: IO[str]) -> IO[str]:
    return cast("IO[str]", Outlet(stream))
