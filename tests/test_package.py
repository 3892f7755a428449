"""What is shipped: the wheel, its metadata, and the versions that are pinned for it."""

import re
import shutil
import subprocess
import sys
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

import gradcmp

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib")

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("gradcmp", "LICENSE", "README.md", "pyproject.toml")
SHIPPED = ("gradcmp/py.typed", "gradcmp/config/seed.yaml", "gradcmp/report/page/page.js")
LICENCES = ("LICENSE", "gradcmp/report/page/vendor/README.md")


def wheel_of(root, place):
    """Build a wheel of the sources below `root`, with nothing from elsewhere."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = place.glob("*.whl")
    return wheel


def missing(wheel):
    """Return what a wheel should hold and does not."""
    info = f"gradcmp-{gradcmp.__version__}.dist-info"
    names = {*ZipFile(wheel).namelist()}
    wanted = {*SHIPPED, *(f"{info}/licenses/{name}" for name in LICENCES)}
    return sorted(name.removeprefix(f"{info}/") for name in wanted - names)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return wheel_of(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_types_assets_and_licences(wheel):
    assert missing(wheel) == []


def test_a_file_that_is_not_shipped_is_noticed(tmp_path):
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "gradcmp" / "py.typed").unlink()
    assert missing(wheel_of(tmp_path, tmp_path / "dist")) == ["gradcmp/py.typed"]


def test_the_metadata_says_who_and_under_what_terms(wheel):
    (name,) = (one for one in ZipFile(wheel).namelist() if one.endswith(".dist-info/METADATA"))
    facts = message_from_string(ZipFile(wheel).read(name).decode())
    assert facts["Version"] == gradcmp.__version__
    assert facts["License-Expression"].split(" AND ")[0] == "Apache-2.0"
    assert facts["Author"] == "gradcmp developers"
    assert "Typing :: Typed" in facts.get_all("Classifier")
    text = facts.get_payload()
    links = re.findall(r"\]\(([^)#]*)", text)
    assert "https://github.com/gradcmp/gradcmp/blob/main/docs/functions.md" in links
    assert all(link.startswith("https://") for link in links)
    assert {"jinja2", "nbformat"} <= {
        re.split(r"\W", one)[0] for one in facts.get_all("Requires-Dist")
    }


def test_the_version_stands_in_one_place():
    assert re.fullmatch(r"\d+\.\d+\.\d+", gradcmp.__version__)
    code = [*(ROOT / "gradcmp").rglob("*.py"), ROOT / "pyproject.toml"]
    assert [path.name for path in code if gradcmp.__version__ in path.read_text("utf-8")] == [
        "version.py"
    ]
    assert not [path for path in code if asks_the_metadata(path.read_text("utf-8"))]
    assert asks_the_metadata('from importlib.metadata import version\nversion("gradcmp")\n')


def asks_the_metadata(text):
    """Whether code asks the installed distribution, which may be another one or none."""
    return 'version("gradcmp")' in text or 'package_name="gradcmp"' in text


# ---- what is pinned


def required(project):
    """Return the names of all packages that a pyproject asks for, extras included."""
    extras = project["optional-dependencies"].values()
    listed = [*project["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.split(r"[^\w.-]", one)[0].lower().replace("_", "-") for one in listed}
    return names - {project["name"]}


def unpinned(project):
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    return sorted(required(project) - pinned)


def test_what_is_required_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert unpinned(project) == []
    project["dependencies"].append("loose>=1")
    assert unpinned(project) == ["loose"]


# ---- what changed


def faults(changelog):
    """Return what is wrong with a changelog: order, links, or the newest version."""
    found = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", changelog, re.M)
    versions = [tuple(map(int, version.split("."))) for version, _ in found]
    if not found or found[0][0] != gradcmp.__version__:
        yield f"the newest version is not {gradcmp.__version__}"
    if versions != sorted(versions, reverse=True):
        yield "the newest version does not come first"
    if [day for _, day in found] != sorted((day for _, day in found), reverse=True):
        yield "the latest date does not come first"
    yield from (f"[{name}] has no link" for name, _ in found if f"\n[{name}]: " not in changelog)


def test_the_changelog_ends_at_this_version():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert [*faults(text)] == []
    assert [*faults(text.replace(f"## [{gradcmp.__version__}] - ", "## [0.0.1] - "))]
    assert [*faults(text.replace("\n[0.1.0]: ", "\n"))] == ["[0.1.0] has no link"]
