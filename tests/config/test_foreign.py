"""Configs of strangers: what they name that is not part of them is refused, and links count."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from gradcmp.case import BackendSpec, Case
from gradcmp.config import find, load, load_text
from gradcmp.config.foreign import TRUST, VARIABLE
from gradcmp.errors import ConfigError, InputError
from gradcmp.inputs import KINDS
from gradcmp.keys import Reach, keys

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a right there")
CASE = """\
inputs:
  X: {x}
graph: {{y: sum(exp(X))}}
backends:
  - numpy
  - {backend}
"""
HARMLESS = {"x": "normal:3", "backend": '"numpy,dtype=float32"'}
PROGRAM = f"a program, which --no-user-code refuses. Take it out of the config, or {TRUST}."
OUTSIDE = (
    "a file outside of the config's folder, which --no-user-code refuses. "
    f"Put it below that folder, or {TRUST}."
)

# The config, and what must be said of it.
REFUSED = {
    "a program": (
        CASE.format(**HARMLESS | {"backend": "{name: numpy, python: /bin/sh}"}),
        f"configs/a.yaml:6: backends[1].python is '/bin/sh': {PROGRAM}",
    ),
    "in one line": (
        CASE.format(**HARMLESS | {"backend": '"numpy,dtype=float32,python=../x"'}),
        f"configs/a.yaml:6: backends[1].python is '../x': {PROGRAM}",
    ),
    "by defaults": (
        "defaults:\n  backends: [{name: numpy, python: sh}]\n"
        "cases: [{name: a, inputs: {X: 'ones:2'}, graph: {y: sum(X)}}]",
        f"configs/a.yaml:2: backends[0].python is 'sh': {PROGRAM}",
    ),
    "by a matrix": (
        "matrix: {p: [sh]}\n"
        + CASE.format(**HARMLESS | {"backend": '{name: numpy, python: "${p}"}'}),
        f"configs/a.yaml:7: backends[1].python is 'sh': {PROGRAM}",
    ),
    **{
        name: (
            CASE.format(**HARMLESS | {"x": x}),
            f"configs/a.yaml:2: inputs.X.file is '{path}': {OUTSIDE}",
        )
        for name, x, path in (
            ("beside", "{file: ../secret.npy}", "configs/../secret.npy"),
            ("in one line, a file", "'file:../secret.npy'", "configs/../secret.npy"),
            ("root", "{file: /etc/hostname}", "/etc/hostname"),
            ("standard input", "{file: /dev/stdin}", "/dev/stdin"),
            ("not there", "{file: ../no/such.npy}", "configs/../no/such.npy"),
            ("a link", "{file: link.npy}", "configs/link.npy"),
            ("below a link", "{file: up/secret.npy}", "configs/up/secret.npy"),
            ("a link to a link", "{file: twice.npy}", "configs/twice.npy"),
            ("a circle", "{file: ../circle}", "configs/../circle"),
        )
    },
}
NEAR = ["x.npy", "./x.npy", "deep/x.npy", "deep/../x.npy", "near.npy", "../configs/x.npy"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a checked-out repository, beside which there are files of the machine."""
    monkeypatch.delenv(VARIABLE, raising=False)
    folder = tmp_path / "work" / "configs"
    (folder / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    for file in ("secret.npy", "configs/x.npy", "configs/deep/x.npy"):
        np.save(file, np.ones(3))
    links = {
        "configs/link.npy": "../secret.npy", "configs/twice.npy": "link.npy", "configs/up": "..",
        "configs/near.npy": "deep/x.npy", "circle": "circle",
    }  # fmt: skip
    for link, target in links.items():
        Path(link).symlink_to(target)
    (tmp_path / "own.yaml").write_text(CASE.format(**HARMLESS))
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_config_names_is_refused(here, name):
    text, said = REFUSED[name]
    (here / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load("configs/a.yaml", user_code=False)
    assert str(refusal.value) == said


@pytest.mark.parametrize("name", REFUSED)
def test_without_the_switch_it_is_read(here, name):
    """Sabotage: a refusal for another reason would look the same."""
    (here / "a.yaml").write_text(REFUSED[name][0])
    with suppress(InputError):  # some of the files are not there
        assert load("configs/a.yaml")


@pytest.mark.parametrize("file", NEAR)
def test_data_in_the_folder_of_the_config_is_read(here, file):
    (here / "a.yaml").write_text(CASE.format(**HARMLESS | {"x": f"{{file: {file}}}"}))
    (case,) = load("configs/a.yaml", user_code=False)
    assert case == load("configs/a.yaml")[0]


def test_it_is_refused_before_it_is_looked_at(here):
    """A pipe would be waited for, and what is not there would be told from what is."""
    os.mkfifo("pipe")
    with pytest.raises(ConfigError, match="outside of the config's folder"):
        load_text(CASE.format(**HARMLESS | {"x": "{file: ../pipe}"}), "configs/a.yaml", False)


@pytest.mark.parametrize(
    ("value", "refuses"),
    [
        ("1", True), ("true", True), ("YES", True), ("2", True), ("whatever", True),
        ("", False), ("0", False), (" ", False), ("False", False), ("no", False), ("off", False),
    ],
)  # fmt: skip
def test_the_environment_says_it_too(here, monkeypatch, value, refuses):
    monkeypatch.setenv(VARIABLE, value)
    (here / "a.yaml").write_text(REFUSED["a program"][0])
    if refuses:
        with pytest.raises(ConfigError, match=VARIABLE):
            load("configs/a.yaml")
    else:
        load("configs/a.yaml")
    assert load("configs/a.yaml", user_code=True)  # whoever calls knows better
    with pytest.raises(ConfigError):
        load("configs/a.yaml", user_code=False)


# ---- the config itself

# The link, what it leads to, and what the command line names.
LINKS = {
    "a config": ("configs/a.yaml", "../../own.yaml", "configs/a.yaml"),
    "a config in a directory": ("configs/deep/a.yaml", "../../../own.yaml", "configs"),
    "the directory": ("linked", "..", "linked/own.yaml"),
    "all of it": ("linked", "..", "linked"),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_out_of_the_repository_is_not_followed(here, name):
    link, target, given = LINKS[name]
    Path(link).symlink_to(target)
    with pytest.raises(ConfigError, match=r"this is a link out of '.*/work', which --no-user-code"):
        [load(file, user_code=False) for file in find([given], user_code=False)]
    assert [load(file) for file in find([given])]


def test_a_link_inside_is_followed(here):
    (here / "deep" / "b.yaml").write_text(CASE.format(**HARMLESS))
    (here / "a.yaml").symlink_to("deep/b.yaml")
    assert len(find(["configs"], user_code=False)) == 2
    assert load("configs/a.yaml", user_code=False)


def test_what_lies_elsewhere_is_taken_as_it_is_given(here, tmp_path):
    """The command line is not the stranger's."""
    for given in (tmp_path / "own.yaml", "../own.yaml"):
        assert load(given, user_code=False)
    (tmp_path / "work" / "o.yaml").symlink_to(tmp_path / "own.yaml")
    with pytest.raises(ConfigError):
        load(tmp_path / "work" / "o.yaml", user_code=False)


def test_what_a_shell_hands_over_is_taken(here):
    """As in ``gradcmp check --no-user-code <(make-a-config)``."""
    own, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream:
        stream.write(CASE.format(**HARMLESS))
    try:
        assert load(f"/dev/fd/{own}", user_code=False)
    finally:
        os.close(own)


# ---- keys


def test_a_key_says_what_it_reaches():
    reaching = {
        (record.__name__, name): key.reach
        for record in (Case, BackendSpec)
        for name, key in keys(record).items()
        if key.reach
    }
    assert reaching == {
        ("Case", "code"): Reach.CODE,
        ("BackendSpec", "python"): Reach.PROGRAM,
    }
    kinds = {name: dict(kind.reaches) for name, kind in KINDS.items() if kind.reaches}
    assert kinds == {"file": {"file": Reach.FILE}}
