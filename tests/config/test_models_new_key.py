"""A new config key is one field: everything else follows from it.

Tried in a scratch copy of the package, to which one field is added.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gradcmp

pytestmark = pytest.mark.processes
PACKAGE = Path(gradcmp.__file__).parent
DOCS = PACKAGE.parent / "docs"
IMPORT = "from gradcmp.keys import "
BEFORE = "    backends: tuple[BackendSpec, ...] = field("
OWNER = '    owner: str = field(default="", kw_only=True{metadata})\n'
METADATA = ', metadata=key("Who answers for it.", EVERYWHERE, limits={"max_length": 20})'
PLACES = ("page", "json", "origin")
HIDDEN = "".join(  # keys that stand in one place, or in none
    f'    in_{place}: str = field(default="", kw_only=True, metadata=key("A key.", {flag}))\n'
    for place, flag in [*((place, place.upper()) for place in PLACES), ("none", "PAGE & JSON")]
)
BACKEND = "    timeout: float = field("  # a field of the record of a backend
CODE = (
    '    recipe: str = field(default=None, kw_only=True, metadata=key("How.", reach=Reach.CODE))\n'
)
FLAVOUR = '    flavour: str = field(default="", metadata=key("How.", PAGE | LABEL))\n'

CONFIG = """\
inputs: {X: "normal:2x3"}
graph: {y: sum(X * X)}
backends: [numpy, {name: numpy, flavour: salt}]
owner: nobody yet
in_page: 'yes'
in_json: 'yes'
in_origin: 'yes'
in_none: 'yes'
matrix: {owner: [Ada, 'Grace H.']}
"""

SCRIPT = """
import json, runpy, sys
from pathlib import Path
import gradcmp
from gradcmp.config import load_text, schema
from gradcmp.errors import ConfigError
from gradcmp.recording.origin import COTANGENT, Origin, origin_of_facts, origin_to_facts
from gradcmp.judge import CaseVerdict
from gradcmp.report.json import of_case
from gradcmp.report.page.case_yaml import case_yaml

config, docs = sys.argv[1:]

def refusal(text, user_code=True):
    try:
        load_text(text, "c.yaml", user_code)
    except ConfigError as error:
        return str(error)

try:
    cases = load_text(config, "c.yaml")
except ConfigError:
    print(json.dumps({"refused": refusal(config[: config.index("matrix")])}))
    sys.exit()
ada, grace = cases
facts = origin_to_facts(Origin(ada, {"X": "0", COTANGENT: "0"}))
table = runpy.run_path(str(Path(docs) / "keys.py"))["keys"]
(again,) = load_text(case_yaml(grace), "again.yaml")
(silent,) = load_text(config[: config.index("owner")], "c.yaml")
old = {key: fact for key, fact in facts.items() if key != "owner"}
print(json.dumps({
    "package": gradcmp.__file__,
    "labels": [str(spec) for spec in ada.backends],
    "names": [case.name for case in cases],
    "owners": [case.owner for case in cases],
    "schema": schema()["$defs"]["CaseModel"]["properties"]["owner"],
    "manual": list(table(schema()["$defs"]["CaseModel"])),
    "page": case_yaml(grace),
    "page_again": again.owner,
    "page_silent": case_yaml(silent),
    "json": of_case(CaseVerdict(ada, "numpy", {})),
    "origin": facts,
    "origin_again": origin_of_facts(facts).case.owner,
    "origin_old": origin_of_facts(old).case.owner,
    "wrong": refusal(config.replace("[Ada, 'Grace H.']", "[3]")),
    "coded": refusal(config + "recipe: cook.py:soup\\n", False),
    "misspelt": refusal(config.replace("owner: nobody", "ownr: nobody")),
}))
"""


def with_fields(scratch, fields):
    """Add fields to a copy of `Case`; return what the copy of the package says of the owner."""
    shutil.copytree(PACKAGE, scratch / "gradcmp")  # with what is compiled: half of the time
    place = scratch / "gradcmp" / "case.py"
    text = place.read_text("utf-8")
    assert text.count(BEFORE) == text.count(IMPORT) == text.count(BACKEND) == 1
    text = text.replace(BACKEND, FLAVOUR + BACKEND)
    text = text.replace(IMPORT, f"{IMPORT}ORIGIN, ")  # no key of ours stands there alone
    place.write_text(text.replace(BEFORE, fields + BEFORE), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, CONFIG, str(DOCS)],
        cwd=scratch,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    fields = OWNER.format(metadata=METADATA) + HIDDEN + CODE
    return with_fields(tmp_path_factory.mktemp("scratch"), fields)


def test_it_is_read(said, tmp_path_factory):
    assert Path(said["package"]).is_relative_to(tmp_path_factory.getbasetemp())
    assert said["owners"] == ["Ada", "Grace H."]


def test_a_matrix_varies_it(said):
    assert said["names"] == ["c[owner=Ada]", "c[owner=Grace H.]"]


def test_it_is_in_the_schema_and_the_manual(said):
    assert said["schema"] == {
        "default": "", "description": "Who answers for it.", "maxLength": 20,
        "title": "Owner", "type": "string",
    }  # fmt: skip
    assert "| `owner` | none | Who answers for it. |" in said["manual"]


def test_it_is_on_the_page_which_reads_back(said):
    assert 'owner: "Grace H."' in said["page"].splitlines()
    assert said["page_again"] == "Grace H."
    assert "owner" not in said["page_silent"]


def test_it_is_in_the_json_report(said):
    assert said["json"]["owner"] == "Ada"


def test_it_is_in_the_origin_and_older_recordings_are_read(said):
    assert said["origin"]["owner"] == said["origin_again"] == "Ada"
    assert said["origin_old"] == ""


def test_a_key_of_a_backend_is_in_its_label_and_on_the_page(said):
    assert said["labels"] == ["numpy", "numpy,flavour=salt"]
    assert "  - {name: numpy, flavour: salt}" in said["page"].splitlines()


def test_errors_know_it(said):
    assert "owner is 3, and must be text" in said["wrong"]
    assert "Did you mean 'owner'?" in said["misspelt"]


def test_one_that_names_code_is_refused_where_no_user_code_may_run(said):
    assert "c.yaml:10: recipe is 'cook.py:soup': code, which --no-user-code" in said["coded"]


@pytest.mark.parametrize("place", PLACES)
def test_a_key_stands_only_where_its_field_says(said, place):
    found = said[place].splitlines() if place == "page" else said[place]
    assert {key.partition(":")[0] for key in found if key.startswith("in_")} == {f"in_{place}"}


def test_a_field_without_metadata_is_not_a_key(tmp_path):
    said = with_fields(tmp_path, OWNER.format(metadata=""))
    assert "c.yaml:4: unknown key 'owner'" in said["refused"].splitlines()
