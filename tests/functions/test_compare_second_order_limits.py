"""What orders beyond the gradient are refused of; and functions in workers."""

from __future__ import annotations

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.case import Effort
from gradcmp.config import load_text
from gradcmp.errors import BackendError, UsageError
from gradcmp.functions.coded import record_code, run_code
from gradcmp.plan import check_any

torch = framework("torch")


def cube(x):
    return (x * x * x).sum()


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(4, 2))

    def forward(self, x):
        return x @ self.w


def by_hand(x):
    return np.sum(x**3), {"x": 3 * x**2}


@pytest.mark.parametrize(
    ("function", "inputs", "error", "said"),
    [
        (Layer(), {"x": "normal:3x4"}, BackendError, "brings parameters of its own"),
        (by_hand, {"x": "normal:4"}, BackendError, "is a gradient by hand, which has no hvp"),
        (cube, {"x": {"a": np.ones(3)}}, UsageError, "'x' is a container, and hvp is along arrays"),
    ],
    ids=["module", "by hand", "container"],
)
def test_what_has_no_more_than_a_gradient_is_refused(function, inputs, error, said):
    framework = {"mine": "numpy" if function is by_hand else "torch", "theirs": "torch"}
    with pytest.raises(error, match=said):
        gradcmp.compare_functions(
            {"mine": function, "theirs": cube}, inputs, framework=framework, derivative="hvp"
        )


def cubes(x):
    return x * x * x


def powers(x):
    return x**3


@pytest.mark.parametrize(("derivative", "instead"), [("jacobian", "jvp"), ("hessian", "hvp")])
def test_what_is_too_large_to_be_compared_as_a_whole_is_refused(derivative, instead):
    asked = {"mine": cubes, "theirs": powers}
    said = rf"asks for a {derivative} of 257 × 257 numbers.*ask for {instead}"
    with pytest.raises(UsageError, match=said):
        gradcmp.compare_functions(
            asked, {"x": "normal:257"}, framework="torch", derivative=derivative
        )


def test_layouts_of_second_order_are_refused():
    with pytest.raises(UsageError, match="layouts: all, and asks for hvp"):
        gradcmp.compare_functions(
            {"torch": cube, "torch again": cube},
            {"x": "normal:4"},
            derivative="hvp",
            layouts="all",
            framework="torch",
        )


KERNELS = """
import torch

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, dy):
        return 3 * ctx.saved_tensors[0].detach() ** 2 * dy

def detached(x):
    return Cube.apply(x).sum()

def cube(x):
    return (x * x * x).sum()

def again(x):
    return (x ** 3).sum()
"""


def in_a_config(folder):
    file = folder / "kernels.py"
    file.write_text(KERNELS)
    code = ", ".join(f"{one}: {{torch: '{file}:{one}'}}" for one in ("cube", "again", "detached"))
    text = f"name: cubes\ninputs: {{x: 'normal:5'}}\ncode: {{{code}}}\nderivative: hvp\n"
    (case,) = load_text(text, "cubes.yaml")
    return case


@pytest.mark.processes
def test_in_workers(tmp_path):
    found = gradcmp.run(in_a_config(tmp_path))
    wrong = {
        (*map(base, (pair.actual, pair.expected)), name) for pair, name, _ in found.disagreements
    }
    assert {name for *_, name in wrong} == {"H v[x]"}
    assert all("detached" in sides for *sides, _ in wrong)
    assert {base(label) for label in found.recordings} == {"cube", "again", "detached"}


def base(label):
    return label.partition(",")[0]


def test_no_recording_of_it_is_kept(tmp_path):
    plan = check_any(in_a_config(tmp_path))
    with pytest.raises(UsageError, match="asks for hvp, of which no recording is kept"):
        run_code(plan, None, Effort(keep=True))
    with pytest.raises(UsageError, match="asks for hvp, of which no recording is kept"):
        record_code(plan, None)
