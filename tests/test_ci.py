"""What the action, the hook and the snippet would run, run: on a case that agrees, on one not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from gradcmp.cli import cli
from gradcmp.report import REPORTS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
CASE = """
inputs: {{X: normal:4x3}}
graph: {{y: sum(exp(X))}}
backends: [numpy, "numpy,dtype=float32"]
tolerance: {{rtol: {rtol}, atol: 0}}
"""


@pytest.fixture(params=[("1e-4", 0), ("1e-14", 1)], ids=["agrees", "disagrees"])
def repository(request, tmp_path):
    """Return a directory as CI would have checked it out, and the exit code that is right."""
    rtol, code = request.param
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a b.yaml").write_text(CASE.format(rtol=rtol))
    return tmp_path, code


@pytest.fixture
def agreeing(tmp_path):
    """Return a directory whose case agrees, for what ends before any case is judged."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a b.yaml").write_text(CASE.format(rtol="1e-4"))
    return tmp_path


def shell(command, where, **variables):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
        cwd=where,
        env={"PATH": path, "HOME": str(where), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def blocks(name):
    """Return the YAML below a title of the page."""
    section = PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", section, re.S)]


def is_red(file):
    return ElementTree.parse(file).find(".//failure") is not None


def action_steps(**given):
    """Return the steps of the action with its inputs filled in, as GitHub does."""
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    assert set(given) <= set(action["inputs"])
    inputs = {key: given.get(key, one["default"]) for key, one in action["inputs"].items()}

    def fill(text):
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], text)

    for step in action["runs"]["steps"]:
        if "run" in step:
            assert "${{" not in step["run"]  # an input would be read as a command
            yield step["run"], {key: fill(text) for key, text in step["env"].items()}


def action(where, **given):
    _, (command, variables) = action_steps(**given)
    summary = where / "summary.md"
    done = shell(command, where, **variables, GITHUB_STEP_SUMMARY=str(summary), CI="true")
    return done, summary


@pytest.mark.processes
def test_the_action(repository):
    where, code = repository
    done, summary = action(where, paths="configs", require="numpy")
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    assert len(errors) == code
    assert all("file=configs/a b.yaml,line=3" in line for line in errors)  # of the node
    assert is_red(where / "gradcmp.xml") == bool(code)
    assert summary.read_text().startswith("### ✗ gradcmp" if code else "### ✓ gradcmp")


@pytest.mark.processes
def test_the_inputs_of_the_action(repository):
    where, _ = repository
    (where / "known.yaml").write_text("- {case: a b, reason: known, expires: 2999-12-31}\n")
    done, _ = action(where, expect="known.yaml", arguments="--strict --jobs 1", junit="o.xml")
    assert done.returncode in (0, 1)
    assert "known" in done.stdout  # excused, or come to agree
    assert (where / "o.xml").exists()
    done, _ = action(where, require="jax")
    assert done.returncode == 2


# What stands in the action's inputs on several lines, and the exit code: the last line counts.
LINES = {
    "two paths": ({"paths": "good.yaml\nconfigs"}, None),
    "as GitHub writes them": ({"paths": "good.yaml\nconfigs\n"}, None),
    "indented, with empty lines": ({"paths": "\n  good.yaml  good.yml\n\n\tconfigs\n\n"}, None),
    "a path that is not there": ({"paths": "good.yaml\nno/such"}, 2),
    "an option": ({"paths": "good.yaml", "arguments": "--jobs 1\n--strict"}, 1),
    "an option without its value": ({"paths": "good.yaml", "arguments": "--strict\n--jobs"}, 2),
    "none": ({"paths": "\n"}, None),  # those below configs
}


def lines_of_the_action(where, given):
    weak = CASE.format(rtol="1e-2")  # agrees, and warns: a thousandth would go unnoticed
    for file in ("good.yaml", "good.yml"):
        (where / file).write_text(weak)
    return action(where, **given)[0]


@pytest.mark.first(2)
@pytest.mark.processes
@pytest.mark.parametrize("name", [name for name, (_, code) in LINES.items() if code is None])
def test_every_line_of_an_input_of_the_action_counts(repository, name):
    where, code = repository
    done = lines_of_the_action(where, LINES[name][0])
    assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.first(2)
@pytest.mark.processes
@pytest.mark.parametrize("name", [name for name, (_, code) in LINES.items() if code is not None])
def test_the_last_line_of_an_input_of_the_action_counts(agreeing, name):
    given, code = LINES[name]
    done = lines_of_the_action(agreeing, given)
    assert done.returncode == code, done.stdout + done.stderr


def name_a_python(where):
    config = where / "configs" / "a b.yaml"
    other = f"{{name: numpy, dtype: float32, python: {sys.executable}}}"
    config.write_text(config.read_text().replace('"numpy,dtype=float32"', other))


@pytest.mark.processes
def test_the_action_runs_what_a_config_names_if_told(repository):
    where, code = repository
    name_a_python(where)
    done, _ = action(where, **{"user-code": "true"})
    assert done.returncode == code
    assert "--no-user-code refuses" not in done.stderr


@pytest.mark.first(2)
@pytest.mark.processes
@pytest.mark.parametrize("allowed", ["false", "", "True", "yes", "1"])
def test_the_action_refuses_what_a_config_names_unless_told_otherwise(agreeing, allowed):
    name_a_python(agreeing)
    done, _ = action(agreeing, **{"user-code": allowed})
    assert done.returncode == 2
    assert "--no-user-code refuses" in done.stderr


def test_the_action_refuses_by_default():
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    assert action["inputs"]["user-code"]["default"] == "false"


@pytest.mark.processes
def test_a_pip_of_the_repository_is_not_run(tmp_path):
    """Sabotage: as the step stood before, it is."""
    (tmp_path / "pip.py").write_text("import sys; sys.exit(open('ran', 'w') and 9)\n")
    (command, variables), _ = action_steps(frameworks="torch")
    dry = command.replace("install", "--version #")
    done = shell(dry, tmp_path, **variables, GITHUB_ACTION_PATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    assert shell("python -m pip --version", tmp_path).returncode == 9


@pytest.mark.processes
def test_an_input_of_the_action_is_no_command(agreeing):
    done, _ = action(agreeing, paths='configs"; touch pwned; "', arguments="$(touch pwned)")
    assert done.returncode == 2
    assert not (agreeing / "pwned").exists()


@pytest.mark.processes
def test_the_action_installs_what_there_is():
    (command, variables), _ = action_steps(frameworks="torch,jax")
    listed = shell(
        f"python() {{ printf '%s\\n' \"$@\"; }}; {command}",
        ROOT,
        **variables,
        GITHUB_ACTION_PATH=str(ROOT),
    ).stdout.splitlines()
    assert listed == ["-m", "pip", "install", f"{ROOT}[torch,jax]"]
    declared = re.search(
        r"optional-dependencies\]\n(.*?)\n\[", (ROOT / "pyproject.toml").read_text(), re.S
    )
    assert {"torch", "tensorflow", "jax", "all"} <= set(re.findall(r"^(\w+) =", declared[1], re.M))


def test_the_workflow_gives_the_action_only_what_it_takes():
    (workflow,) = blocks("GitHub Actions")
    (step,) = (step for step in workflow["jobs"]["gradients"]["steps"] if "with" in step)
    list(action_steps(**step["with"]))


@pytest.mark.processes
def test_the_hook(repository):
    where, code = repository
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (config,) = blocks("pre-commit")
    assert config["repos"][0]["hooks"][0]["id"] == hook["id"]
    changed = [path for path in ("configs/a b.yaml", "README.md") if re.search(hook["files"], path)]
    quoted = " ".join(f"'{path}'" for path in changed)
    done = shell(f"{hook['entry']} {quoted}", where)  # as pre-commit does: names come last
    assert done.returncode == code, done.stderr
    assert ("✗ configs/a b.yaml:2: a b: disagree" in done.stdout) == bool(code)


@pytest.mark.processes
def test_the_gitlab_job(repository):
    where, code = repository
    (job,) = blocks("GitLab CI")
    job = job["gradients"]
    (script,) = job["script"]
    given = {"GITLAB_CI": "true", "CI": "true", **job["variables"]}
    done = shell(script.replace("torch,jax", "numpy"), where, **given)
    assert done.returncode == code, done.stderr
    assert is_red(where / job["artifacts"]["reports"]["junit"]) == bool(code)
    assert job["artifacts"]["when"] == "always"  # a failed job keeps its report too
    (where / "configs" / "b.yaml").write_text(
        CASE.format(rtol="1e-4").replace('"numpy,dtype=float32"', "{name: numpy, python: sh}")
    )
    assert shell(script.replace("torch,jax", "numpy"), where, **given).returncode == 2


@pytest.mark.processes
def test_the_example_of_known_disagreements_is_one(tmp_path):
    (tmp_path / "a.yaml").write_text(f"name: half\n{CASE.format(rtol='1e-4')}")
    section = PAGE.split("\n## Disagreements that are known\n")[1]
    text = re.search(r"```yaml\n(.*?)```", section, re.S)[1]
    text = text.replace("torch,dtype=float16", "numpy,dtype=float32")
    (tmp_path / "known.yaml").write_text(text)
    done = shell("gradcmp check a.yaml --expect known.yaml", tmp_path)
    assert done.returncode == 1
    assert "known.yaml:1: 'float16 overflows, to be fixed with the next release' has come" in (
        done.stdout
    )


def test_the_page_knows_all_options_and_reports():
    options = {name for one in cli.commands["check"].params for name in one.opts}
    for name in (name for name in options if name.startswith("--") and name != "--debug"):
        assert f"`{name}" in PAGE or f", `{name}" in PAGE
    assert set(re.findall(r"^\| `(\w+)(?:=[\w.]+)?` \|", PAGE, re.M)) == set(REPORTS)
