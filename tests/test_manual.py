"""The manual's commands run as written, and print what it says."""

import importlib.util
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from site_build import build, pages

from gradcmp.cli import main

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "mkdocs.yml")
TOP = {"changelog", "contributing", "security"}  # pages that lie at the top of the repository
ELSEWHERE = r"<(?:script|link|img|iframe|source|object)[^>]*(?:src|href|data)=\"(?:https?:)?//"


def load(name):
    spec = importlib.util.spec_from_file_location(f"manual_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module


SCREENS, KEYS = load("screens"), load("keys")
COMMANDS = [
    pytest.param(command, printed, id=f"{page.name}: {command}")
    for page in SCREENS.PAGES
    for command, printed in SCREENS.commands(page)
]


def gist(text):
    """Leave out what differs between machines: digits, and the space that they take."""
    text = re.sub(r"[<~]?\d[\d.]*(e-?\d+)?", "#", text)
    return re.sub(r"[\s#]+", " ", text).strip()


@pytest.fixture
def screen(monkeypatch, capsys):
    """Return what does as `screens.screen`, in this process: its workers are forked."""

    def screen(command):
        program, *arguments = shlex.split(command)
        assert program == "gradcmp"
        monkeypatch.chdir(ROOT)
        monkeypatch.setenv("COLUMNS", SCREENS.COLUMNS)
        main(arguments)
        return "".join(capsys.readouterr())

    return screen


@pytest.mark.usefixtures("every_framework")
@pytest.mark.parametrize(("command", "printed"), COMMANDS)
def test_a_command_prints_what_the_manual_says(command, printed, screen):
    assert printed.strip()
    assert gist(screen(command)) == gist(printed)


@pytest.mark.processes
def test_a_program_prints_no_less(screen):
    command, printed = next(iter(SCREENS.commands(ROOT / "docs" / "tolerance.md")))
    assert gist(SCREENS.screen(command)) == gist(screen(command)) == gist(printed)


@pytest.mark.usefixtures("every_framework")
def test_the_others_say_what_the_readme_says_of_them():
    rivals, page = load("rivals"), (ROOT / "README.md").read_text("utf-8")
    assert rivals.filled(page) == page


@pytest.mark.usefixtures("every_framework")
def test_the_picture_shows_what_the_command_prints():
    picture = load("picture")
    kept = picture.PLACE.read_text("utf-8")
    assert [*map(gist, picture.words(picture.drawn()))] == [*map(gist, picture.words(kept))]
    assert "http" not in kept.replace("http://www.w3.org/", "")


def test_a_changed_word_is_noticed():
    assert gist("✓ agree: 7 backends") == gist("✓ agree: 8  backends")
    assert gist("✓ agree: 7 backends") != gist("✗ disagree: 7 backends")


def test_the_two_commands_are_those_of_ci():
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    for command in re.findall(r"^make \w+$", (ROOT / "README.md").read_text("utf-8"), re.M):
        assert command in ci


@pytest.mark.slow
def test_the_tables_of_keys_are_those_of_the_schema():
    for path in KEYS.PAGES:
        page = path.read_text("utf-8")
        assert KEYS.filled(page) == page, path
    page = KEYS.PAGE.read_text("utf-8")
    assert "| `round_inputs` | `true` |" in page
    spoiled = page.replace("| `round_inputs` | `true` |", "| `round_inputs` | `false` |")
    assert KEYS.filled(spoiled) == page


@pytest.mark.processes
def test_the_site_builds_and_works_offline():
    site = pages()
    names = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} | TOP
    assert {path.rstrip("/").rpartition("/")[2] for path in site} >= names
    assert "Do my gradients agree?" in site[""]
    for path, text in site.items():
        assert not re.findall(ELSEWHERE, text), path


def test_a_font_from_elsewhere_is_noticed():
    assert re.findall(ELSEWHERE, '<link rel="stylesheet" href="https://fonts.example/css">')
    assert re.findall(ELSEWHERE, '<script src="//cdn.example/a.js">')


def test_no_style_or_script_of_ours_asks_for_anything_elsewhere():
    for path in (ROOT / "docs" / "assets").iterdir():
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")  # a name
        assert not re.search(r"https?://|@import", text), path


@pytest.mark.processes
@pytest.mark.thorough  # a build of its own
def test_a_broken_link_fails_the_build(tmp_path):
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    with (tmp_path / "docs" / "configs.md").open("a", encoding="utf-8") as page:
        page.write("[nowhere](nowhere.md)\n")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
