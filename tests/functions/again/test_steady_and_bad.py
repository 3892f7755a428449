"""Functions that do what they should not: an error in words or their own verdict, in any face."""

import json

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.cli import main
from gradcmp.errors import ExitCode
from gradcmp.report.screen.plain import Screen

torch = framework("torch")
pytestmark = pytest.mark.frameworks

SOURCE = """
import numpy as np
import torch

generator = np.random.default_rng()


def right(x, w):
    return torch.tanh(x @ w)


def unseeded(x, w):
    return torch.tanh(x @ w) * torch.as_tensor(generator.random(1), dtype=x.dtype)


def dropped(x, w):
    return torch.dropout(torch.tanh(x @ w), 0.5, True)


def in_place(x, w):
    return torch.tanh(x.mul_(1.0) @ w)


def ignores(x, w):
    return torch.tanh(x)


def detached(x, w):
    return torch.tanh(x @ w).detach()


def whole(x, w):
    return torch.tanh(x @ w).argmax(1)


def nan(x, w):
    return torch.tanh(x @ w) / 0 * 0


def shorter(x, w):
    return torch.tanh(x @ w)[1:]


def single(x, w):
    if x.dtype == torch.float64:
        raise TypeError("float32 only")
    return torch.tanh(x @ w)


def nothing(x, w):
    return None


def raises(x, w):
    return undefined
"""
CONFIG = """
name: bad
inputs: {{x: normal:4x4, w: normal:4x4}}
code:
  mine: {{torch: kernels.py:{name}}}
  right: {{torch: kernels.py:right}}
reference: right
"""
# By function: the exit code, and what is said.
SAID = {
    "unseeded": (3, "two runs of 'mine' from one seed differ, in output, d x, d w"),
    "dropped": (1, "mine draws random numbers"),
    "in_place": (0, "mine changes its input 'x' in place"),
    "ignores": (1, "mine does not depend on w: its gradient is zero"),
    "detached": (1, "mine has no output with a gradient"),
    "whole": (1, "mine has no output of real numbers"),
    "nan": (1, "non-finite"),
    "shorter": (1, "shape"),
    "single": (0, "mine has no float64 run, so that noise alone tells rounding from a bug"),
    "nothing": (3, "'nothing' returned None"),
    "raises": (3, "NameError: name 'undefined' is not defined"),
}
GIVEN = {"x": "normal:4x4", "w": "normal:4x4"}

scope: dict = {}
exec(compile(SOURCE, "kernels.py", "exec"), scope)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "kernels.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", SAID)
def test_in_python(name):
    code, text = SAID[name]
    functions = {"mine": scope[name], "right": scope["right"]}
    verdict = gradcmp.compare_functions(functions, GIVEN, framework="torch")
    assert verdict.exit_code == code
    assert text.lower() in said(Screen().of_case(verdict)).lower()


@pytest.mark.thorough
@pytest.mark.slow
def test_in_a_config_and_on_the_command_line(folder, capsys):
    for name in SAID:
        text = CONFIG.format(name=name).replace("name: bad", f"name: {name}")
        (folder / f"{name}.yaml").write_text(text)
    files = [f"{name}.yaml" for name in SAID]
    assert main(["run", *files, "--report", "json=-"]) == ExitCode.DISAGREE
    for case in json.loads(capsys.readouterr().out)["cases"]:
        code, text = SAID[case["name"]]
        assert case["exit_code"] == code, case["name"]
        told = [f"{label} {one}" for label, notes in case["notes"].items() for one in notes]
        told += [one["message"] for one in case["failures"]]
        told += [one["reason"] for pair in case["pairs"] for one in pair["tensors"]]
        assert any(text.lower() in one.lower() for one in told), case["name"]
        assert not any("internal error" in one for one in told)
    asked = ["call", "kernels.py:unseeded", "--against", "kernels.py:right"]
    asked += ["-i", "x=normal:4x4", "-i", "w=normal:4x4"]
    assert main(asked) == ExitCode.COULD_NOT_COMPARE
    assert "two runs of 'unseeded' from one seed differ" in said(capsys.readouterr().out)


def test_what_says_how_to_seed_is_the_framework_s():
    generator = np.random.default_rng()

    def by_hand(x):
        y = x * generator.random()
        return y, lambda dy: {"x": dy}

    functions = {"numpy": by_hand, "torch": lambda x: x * 2}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:3"})
    (failure,) = verdict.failures
    assert "Draw by np.random" in failure.message


def test_dropout_from_the_same_seed_agrees():
    functions = {"mine": scope["dropped"], "again": scope["dropped"]}
    assert gradcmp.compare_functions(functions, GIVEN, framework="torch").agrees


def test_dropout_of_a_compiled_function_is_that_of_eager_mode():
    functions = {"torch": scope["dropped"], "torch:aot_eager_decomp_partition": scope["dropped"]}
    assert gradcmp.compare_functions(functions, GIVEN).agrees


def test_running_statistics_are_copied_for_each_run():
    norm = torch.nn.BatchNorm1d(4)
    before = norm.running_mean.clone()
    functions = {"torch": norm, "again": torch.nn.BatchNorm1d(4), "torch:aot_eager": norm}
    verdict = gradcmp.compare_functions(functions, {"input": "normal:8x4"}, framework="torch")
    assert verdict.agrees
    assert torch.equal(norm.running_mean, before)
    assert int(norm.num_batches_tracked) == 0


def test_a_gradient_by_some_inputs_alone():
    def frozen(x, w):
        assert not w.requires_grad
        return torch.tanh(x @ w)

    functions = {"mine": frozen, "right": frozen}
    verdict = gradcmp.compare_functions(functions, GIVEN, wrt=["x"], framework="torch")
    assert verdict.agrees
    assert "d x" in verdict.tensors
    assert "d w" not in verdict.tensors


@pytest.mark.parametrize(("sign", "agrees"), [(1, True), (-1, False)])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_an_autocast_has_the_noise_of_the_lower_dtype(sign, agrees, dtype):
    lower = gradcmp.Function(lambda x, w: sign * scope["right"](x, w), autocast=dtype)
    functions = {"lower": lower, "right": scope["right"]}
    verdict = gradcmp.compare_functions(functions, GIVEN, framework="torch")
    assert verdict.agrees is agrees
    assert verdict.recordings["lower"].dtype == dtype
    assert f"lower runs under an autocast: it is compared as {dtype} is" in said(
        Screen().of_case(verdict)
    )


def test_without_an_autocast_that_is_no_rounding():
    def rough(x, w):
        if x.dtype == torch.float64:
            return torch.tanh(x @ w)
        return torch.tanh((x.bfloat16() @ w.bfloat16()).float())

    functions = {"rough": rough, "right": scope["right"]}
    verdict = gradcmp.compare_functions(functions, GIVEN, framework="torch")
    assert verdict.warnings or not verdict.agrees


def test_a_parameter_that_one_module_has_frozen_is_told_of():
    modules = {name: torch.nn.Linear(3, 2) for name in ("mine", "right")}
    modules["mine"].weight.requires_grad_(False)
    verdict = gradcmp.compare_functions(modules, {"input": "normal:4x3"})
    assert verdict.agrees
    assert verdict.notes == {"mine": ("has weight frozen (requires_grad=False)",)}
    assert "mine has weight frozen" in said(Screen().of_case(verdict))
