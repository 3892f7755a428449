"""The manual's commands run as written, and print what it says."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load_screens():
    spec = importlib.util.spec_from_file_location("screens", ROOT / "docs" / "screens.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCREENS = load_screens()
COMMANDS = [
    pytest.param(command, printed, id=f"{page.name}: {command}")
    for page in SCREENS.PAGES
    for command, printed in SCREENS.commands(page)
]


def gist(text):
    """Leave out what differs between machines: digits, and the space that they take."""
    text = re.sub(r"[<~]?\d[\d.]*(e-?\d+)?", "#", text)
    return re.sub(r"[\s#]+", " ", text).strip()


@pytest.mark.usefixtures("every_framework")
@pytest.mark.parametrize(("command", "printed"), COMMANDS)
def test_a_command_prints_what_the_manual_says(command, printed):
    assert printed.strip()
    assert gist(SCREENS.screen(command)) == gist(printed)


def test_a_changed_word_is_noticed():
    assert gist("✓ agree: 7 backends") == gist("✓ agree: 8  backends")
    assert gist("✓ agree: 7 backends") != gist("✗ disagree: 7 backends")


def test_the_two_commands_are_those_of_ci():
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    for command in re.findall(r"^make \w+$", (ROOT / "README.md").read_text("utf-8"), re.M):
        assert command in ci
