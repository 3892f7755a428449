"""The screen of a run: what moves on it stands still only while something is printed."""

from contextlib import contextmanager

import numpy as np
import pytest

from gradcmp import compare_functions
from gradcmp.cli.output import Output
from gradcmp.cli.running.net import unfinished
from gradcmp.cli.screen import Screen


def squares(x):
    return np.sum(x * x), {"x": 2 * x}


@pytest.fixture(scope="module")
def agree():
    sides = {"one": squares, "two": squares}
    return compare_functions(sides, inputs={"x": "normal:4x3"}, dtype="float64")


@pytest.mark.parametrize(("detail", "lines"), [("cases", 1), ("lines", 1), ("count", 0)])
def test_the_progress_makes_room_for_what_is_printed(capsys, detail, lines, agree):
    pauses = []

    @contextmanager
    def paused():
        before = capsys.readouterr().out
        yield
        pauses.append((before, capsys.readouterr().out))

    wrong = unfinished(agree.case, "it is lost")
    with Screen(Output(), 61, detail, paused) as screen:
        for verdict in (*[agree] * 30, wrong, *[agree] * 30):
            screen.add(verdict)
    assert len(pauses) == lines
    for before, printed in pauses:
        assert not before
        assert "it is lost" in printed
    assert not capsys.readouterr().out


def test_the_progress_makes_room_for_the_end_of_an_interrupt(capsys, agree):
    printed = []

    @contextmanager
    def paused():
        yield
        printed.append(capsys.readouterr().out)

    def interrupted():
        with Screen(Output(), 61, "cases", paused) as screen:
            screen.add(agree)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (said,) = printed
    assert "60 further cases not run" in said
    assert not capsys.readouterr().out
