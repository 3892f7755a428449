"""The progress display is there on a terminal while it lasts, and nowhere else."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.console import Console

from gradcmp.report.screen.progress import Event, Progress


class Terminal(io.StringIO):
    """What somebody sits before."""

    def isatty(self):
        return True


def screen(*, terminal, term="xterm-256color"):
    environment = {"TERM": term, "COLUMNS": "80"}
    file = Terminal() if terminal else io.StringIO()
    return Console(file=file, width=80, force_terminal=terminal, _environ=environment)


def test_a_file_gets_nothing_though_colour_is_forced():
    forced = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    console = Console(file=io.StringIO(), _environ=forced)
    assert console.is_terminal
    with Progress(console) as progress:
        progress.case(3, 200, "case003")
        progress(Event("torch", "running"))
    assert console.file.getvalue() == ""


def test_of_several_cases_it_says_which(show):
    console = screen(terminal=True)
    with Progress(console) as progress:
        progress.case(37, 200, "case[0]\x1b[2J")
        assert "37/200" in (text := show(progress))
        assert r"case[0]\x1b[2J" in text
        with progress.paused():
            before = console.file.getvalue()
            progress(Event("torch", "running"))
        assert console.file.getvalue().startswith(before)
    assert console.file.getvalue().count("\x1b[?25h") == 2


def test_a_pipe_gets_nothing():
    console = screen(terminal=False)
    with Progress(console) as progress:
        progress(Event("torch", "starting"))
        progress(Event("torch", "failed", 2.0))
    assert console.file.getvalue() == ""


def test_a_dumb_terminal_gets_nothing():
    console = screen(terminal=True, term="dumb")
    with Progress(console) as progress:
        progress(Event("torch", "done", 2.0))
    assert console.file.getvalue() == ""


def test_a_terminal_sees_each_backend_and_is_left_clean():
    console = screen(terminal=True)
    with Progress(console) as progress:
        progress(Event("torch", "done", 2.04))
        progress(Event("jax:jit", "failed", 0.5))
    text = console.file.getvalue()
    assert "torch" in text
    assert "2.0 s" in text
    assert "failed" in text
    assert text.endswith("\x1b[1A\x1b[2K")  # the last line is erased
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") == 1  # and the cursor is back


def test_the_cursor_is_back_after_an_interrupt():
    console = screen(terminal=True)
    with pytest.raises(KeyboardInterrupt), Progress(console):
        raise KeyboardInterrupt
    assert "\x1b[?25h" in console.file.getvalue()


def test_the_lines(show):
    progress = Progress(screen(terminal=False))
    for event in (
        Event("tensorflow", "starting"),
        Event("torch", "running", 3.0),
        Event("torch", "done", 4.25),
        Event("evil\x1b[2J", "failed", 1.0),
    ):
        progress(event)
    lines = show(progress).splitlines()
    assert [line.split()[1:3] for line in lines] == [
        ["tensorflow", "starting"],
        ["torch", "done"],
        [r"evil\x1b[2J", "failed"],
    ]
    assert lines[1].startswith("✓")
    assert lines[1].endswith("4.2 s")
    assert lines[2].startswith("✗")


@pytest.mark.processes
def test_the_registry_loads_no_rich():
    code = "import sys, gradcmp.report; assert 'rich' not in sys.modules, 'rich is loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)
