"""The manual as a site says what the code says."""

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from site_build import pages

import gradcmp
from gradcmp.ops import OPS

pytest.importorskip("tomllib")  # docs/rooms.py reads the linter's contract

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.processes
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


LIST, ROOMS = load("ops"), load("rooms")


@pytest.fixture(scope="module")
def site():
    """Return the pages of the site by their addresses."""
    return pages()


@pytest.mark.thorough
def test_links_from_the_top_of_the_repository_lead_to_pages(site):
    first = site[""]
    for target in ("configs/", "contributing/", "security/", "changelog/", "noise/"):
        assert f'href="{target}"' in first, target


def test_mathematics_needs_no_script(site):
    assert site["noise/"].count("<math ") >= 10
    assert "```" not in site["noise/"]


# ---- the reference of the Python API


def test_every_public_name_is_told_once_and_as_what_it_is(site):
    text = "".join(page for path, page in site.items() if path.startswith("api/"))
    for name in gradcmp.__all__:
        found = getattr(gradcmp, name)
        kind = "class" if isinstance(found, type) else "function"
        heads = text.split(f'<h2 id="{found.__module__}.{name}" class="doc doc-heading">')
        assert len(heads) == 2, name
        assert f'doc-{kind}-name">{name}</span>' in heads[1].split("</h2>")[0]


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "api").glob("*.md")), ids=lambda p: p.stem)
def test_the_examples_of_the_reference_run(page, monkeypatch):
    """With NumPy alone: what else a case asks for is left away."""
    monkeypatch.chdir(ROOT)
    load_, seed = gradcmp.load, gradcmp.seed_case
    monkeypatch.setattr(
        gradcmp, "load", lambda path: tuple(map(numpy_alone, load_(path))), raising=False
    )
    monkeypatch.setattr(gradcmp, "seed_case", lambda: numpy_alone(seed()), raising=False)
    for example in EXAMPLE.findall(page.read_text("utf-8")):
        exec(compile(example, str(page), "exec"), {})


def numpy_alone(case):
    numpy = gradcmp.BackendSpec("numpy")
    return replace(case, backends=(numpy, replace(numpy, dtype="float32")))


def test_a_wrong_example_is_noticed():
    wrong = "```python\nassert 1 == 2\n```\n"
    with pytest.raises(AssertionError):
        exec(EXAMPLE.findall(wrong)[0], {})


# ---- what is made from the code


def test_the_site_lists_every_op(site):
    page = site["ops/"]
    for op in OPS.values():
        assert f"<code>{op.name}(" in page, op.name
    assert "<code>cumsum</code>" in page
    assert "<td>maximum, x = y</td>" in page
    assert "torch:eager" in page


def test_a_new_op_is_on_the_page_without_more_ado():
    new = replace(OPS["relu"], name="sharp_relu")
    (line,) = (one for one in LIST.listed([*OPS.values(), new]) if "sharp_relu" in one)
    assert line == "| `sharp_relu(x)` | max(x, 0) | dx = dy where x &gt; 0, else 0 |"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("|x| < y_i * z.", r"&#124;x&#124; &lt; y\_i \* z"),
        ("``...`` and `axis`", "`...` and `axis`"),
        ("a [link](x)", r"a \[link\](x)"),
    ],
)
def test_a_formula_is_no_markup(text, shown):
    assert LIST.plain(text) == shown


def test_the_drawing_of_the_rooms_is_that_of_the_contract():
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    drawing = ROOMS.DRAWING.read_text("utf-8")
    assert ROOMS.drawing(pyproject) == drawing, "run: python docs/rooms.py"
    assert ROOMS.drawing(pyproject.replace('    "gradcmp.explain",\n', "")) != drawing


def test_every_room_stands_in_the_contract_and_the_page_tells_of_the_judges():
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    drawn = {room.name for floor in ROOMS.floors(pyproject) for room in floor}
    package = ROOT / "gradcmp"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    files = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    assert drawn == rooms | files
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for path in (package / "judge").glob("*/__init__.py"):
        assert f"| `{path.parent.name}` |" in page


def test_the_glossary_is_short():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    words = re.findall(r"^\| \*\*.+?\*\* \|", page.split("## Glossary")[1], re.M)
    assert 10 <= len(words) <= 15
