"""The page's scripts are formatted and linted, by Biome, which npm has (@biomejs/biome)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from surroundings import REQUIRED

from gradcmp.report.html import OWN, asset

ROOT = Path(__file__).parents[3]
BIOME = os.environ.get("GRADCMP_BIOME") or shutil.which("biome")
# The files share one scope, so that only all together show what is unused or unknown.
TOGETHER = """{
  "javascript": {"globals": ["d3"]},
  "linter": {"rules": {"preset": "none", "correctness": {
    "noUnusedVariables": "error", "noUndeclaredVariables": "error"}}}
}"""

pytestmark = pytest.mark.processes


@pytest.fixture
def biome():
    """Return the function that runs Biome somewhere and returns its exit code and what it said."""
    if not BIOME and "biome" not in REQUIRED:
        pytest.skip("Biome is not installed: see .ci/run for where to have it")
    assert BIOME

    def run(*arguments, cwd=ROOT):
        done = subprocess.run(
            [BIOME, *arguments, "--colors=off"], cwd=cwd, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_each_file_is_formatted_and_linted(biome):
    code, said = biome("ci")
    assert code == 0, said
    assert f"Checked {len(OWN) + 1} files" in said  # and its own configuration


def together(biome, folder, text):
    (folder / "biome.json").write_text(TOGETHER, "utf-8")
    (folder / "all.js").write_text(text, "utf-8")
    return biome("lint", "all.js", cwd=folder)


def test_nothing_is_unused_or_unknown(biome, tmp_path):
    code, said = together(biome, tmp_path, "\n".join(asset(f"{name}.js") for name in OWN))
    assert code == 0, said


@pytest.mark.parametrize(("spoiled", "name"), [("const alone = 1;", "alone"), ("lost();", "lost")])
def test_what_is_unused_or_unknown_is_found(biome, tmp_path, spoiled, name):
    code, said = together(biome, tmp_path, spoiled)
    assert code == 1
    assert name in said
