"""The part of a file that a function needs, told from its text."""

from __future__ import annotations

import pytest

from gradcmp.native.text.arguments import taken_by
from gradcmp.native.text.slices import slice_of
from gradcmp.native.text.sources import files_of

FILE = '''\
"""Kernels."""

from __future__ import annotations

import numpy as np
import torch
from gradcmp import tap

EPS = 1e-5
SCALE: float = 2 * EPS


def helper(x):
    return x + SCALE


@torch.no_grad()
def wanted(x):
    return tap("h", helper(x))


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, x):
        return helper(x)


class Late(Fused):
    @staticmethod
    def forward(w, x):
        return x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass


def other(x):
    return np.sum(x)
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kernels.py"
    path.write_text(FILE)
    return path


def test_a_function_comes_with_all_that_it_needs_and_no_more(file):
    found = slice_of(file, ["wanted"])
    assert found.names == {"EPS", "SCALE", "helper", "wanted"}
    assert found.taps
    assert "gradcmp" not in found.text
    assert "@torch.no_grad()\ndef wanted" in found.text
    assert "def other" not in found.text
    assert "import numpy" not in found.text
    assert found.text.startswith("from __future__ import annotations\n")
    compile(found.text, "slice", "exec")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import torch\n", "import torch\nfrom beside import *\n"),
        ("import torch\n", "import torch\ntorch.manual_seed(0)\n"),
        ("EPS = 1e-5", "from beside import EPS"),
        ("EPS = 1e-5", "from . import EPS"),
        ("EPS = 1e-5", "if torch:\n    EPS = 1e-5"),
        ("def wanted", "def renamed"),
        ("def wanted(x)", "def wanted(x"),
    ],
)
def test_what_does_not_stand_alone_is_left_where_it_is(old, new, file):
    (file.parent / "beside.py").touch()
    file.write_text(FILE.replace(old, new))
    assert slice_of(file, ["wanted"]) is None


def test_how_something_is_called(file):
    fused = taken_by(file, "Fused.apply", ["x", "w"])
    assert (fused.names, fused.by_place) == (("w", "x"), True)
    assert taken_by(file, "Late.apply", ["x", "w"]).names == ("w", "x")
    assert taken_by(file, "Fused", ["x"]).is_class
    assert taken_by(file, "wanted", ["x"]) is None
    assert taken_by(file.with_name("none.py"), "wanted", ["x"]) is None


def test_the_files_of_a_module_are_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "somepackage"
    package.mkdir()
    (package / "__init__.py").write_text("1 / 0\n")
    (package / "kernels.py").write_text("from .deep import f\n")
    (package / "deep.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    found = files_of("somepackage.kernels:f")
    assert found == (str(package / "kernels.py"), str(package / "deep.py"))
    assert files_of("nosuchpackage:f") == ()
    assert files_of("math:sin") == ()
