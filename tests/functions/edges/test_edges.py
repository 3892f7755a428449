"""Edge shapes and edge values, in Python, in configs and on the command line."""

from dataclasses import replace

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.case import Case, InputSpec
from gradcmp.cli import main
from gradcmp.config import load_text
from gradcmp.errors import ConfigError, ExitCode, GradcmpError
from gradcmp.functions.edges.smallest import shrunk
from gradcmp.inputs import draw
from gradcmp.inputs.edge_cases import edge_cases
from gradcmp.inputs.edges import EDGES

KERNELS = """
import numpy as np


def right(x, w):
    y = np.tanh(x * w)

    def pullback(dy):
        dz = dy * (1 - y * y)
        return {"x": dz * w, "w": (dz * x).sum(0)}

    return y, pullback


def blocks(x, w):
    value, pullback = right(x, w)

    def partial(dy):
        found = pullback(dy)
        whole = len(x) // 64 * 64 if len(x) > 64 else len(x)
        found["x"][whole:] = 0
        return found

    return value, partial


def softmax(x):
    y = np.exp(x - x.max(-1, keepdims=True))
    y /= y.sum(-1, keepdims=True)
    return y, lambda dy: {"x": y * (dy - (dy * y).sum(-1, keepdims=True))}


def hasty(x):
    with np.errstate(all="ignore"):
        y = np.exp(x)
        y /= y.sum(-1, keepdims=True)
    return y, lambda dy: {"x": y * (dy - (dy * y).sum(-1, keepdims=True))}


def loss(p):
    return -np.log(p.sum()), {"p": -np.ones_like(p) / p.sum()}


def of_sums_to_one(p):
    return -np.log(p.sum()), {"p": -np.ones_like(p)}
"""
LENGTHS = [0, 1, 63, 64, 65, 127]
CONFIG = """
name: tanh
inputs: {x: normal:nx3, w: normal:3}
shapes: {n: [0, 1, 63, 64, 65, 127]}
code:
  right: {numpy: kernels.py:right}
  mine: {numpy: kernels.py:FUNCTION}
"""


@pytest.fixture
def kernels():
    names = {}
    exec(KERNELS, names)
    return names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "kernels.py").write_text(KERNELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def at_edges(first, second, inputs, **options):
    functions = {"mine": first, "reference": second}
    options = {"framework": "numpy", "against": "reference", **options}
    return gradcmp.compare_at_edges(functions, inputs, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_last_partial_block_is_found_and_shrunk(kernels, dtype):
    inputs, shapes = {"x": "normal:nx3", "w": "normal:3"}, {"n": LENGTHS}
    right = kernels["right"]
    verdicts = at_edges(right, right, inputs, shapes=shapes, dtype=dtype)
    assert [*verdicts] == [f"n={n}" for n in LENGTHS]
    assert all(one.agrees and not one.smallest for one in verdicts.values())
    verdicts = at_edges(kernels["blocks"], right, inputs, shapes=shapes, dtype=dtype)
    wrong = {name: one.smallest for name, one in verdicts.items() if not one.agrees}
    said = "the smallest that is wrong: n=65 (n=64 is right)"
    assert wrong == {"n=65": said, "n=127": said}
    assert all(verdicts[name].exit_code is ExitCode.DISAGREE for name in wrong)


@pytest.mark.frameworks
def test_a_block_of_torch_is_found():
    framework("torch")
    import spoiled_blocks

    inputs, shapes = {"x": "normal:nx3", "w": "normal:3"}, {"n": [1, 64, 65]}
    options = {"shapes": shapes, "framework": "torch", "layouts": "off"}
    verdicts = at_edges(spoiled_blocks.blocks, spoiled_blocks.eager, inputs, **options)
    assert [name for name, one in verdicts.items() if not one.agrees] == ["n=65"]


def test_edge_values_are_found_and_named(kernels):
    inputs = {"x": "normal:8x6"}
    verdicts = at_edges(kernels["hasty"], kernels["softmax"], inputs, values=["ties", "large"])
    assert [name for name, one in verdicts.items() if not one.agrees] == ["x=large"]
    right = at_edges(kernels["softmax"], kernels["softmax"], inputs, values=[*EDGES])
    assert all(one.exit_code is not ExitCode.DISAGREE for one in right.values())
    assert len(right) == 1 + len(EDGES)


def test_rows_that_do_not_sum_to_one(kernels):
    p = np.full((1, 4), 0.25)
    verdicts = at_edges(
        kernels["of_sums_to_one"], kernels["loss"], {"p": p}, values={"p": ["unnormalized"]}
    )
    assert verdicts["functions"].agrees
    assert not verdicts["p=unnormalized"].agrees


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_edge_values_are_what_they_say(dtype):
    def drawn(edge):
        spec = InputSpec("normal", (8, 6), {"edge": edge})
        backend = gradcmp.BackendSpec("torch", dtype=dtype)
        return draw(Case("edges", {"x": spec}, {}, "", (), (backend,), dtype=dtype))["x"]

    smallest = {"float64": 2.0**-1022, "float16": 2.0**-14}.get(dtype, 2.0**-126)
    assert len(np.unique(drawn("ties"))) < 20
    assert np.abs(drawn("large")).max() > 1000
    assert 0 < np.abs(drawn("subnormal")).max() < smallest
    assert np.isneginf(drawn("masked")).all(1).tolist() == [False, False, False, True] * 2
    assert (drawn("zero_rows") == 0).all(1).tolist() == [False, True] * 4
    assert not np.isclose(drawn("unnormalized").sum(1), 1, atol=1e-3).all()


def test_a_config_becomes_a_case_for_each():
    text = CONFIG + "values: {x: [ties]}\n"
    cases = load_text(text.replace("FUNCTION", "right"), "case.yaml")
    assert [case.name for case in cases][:3] == ["tanh[n=0]", "tanh[n=0,x=ties]", "tanh[n=1]"]
    assert len(cases) == 12
    assert cases[4].inputs["x"].shape == (63, 3)
    assert cases[1].inputs["x"].parameters["edge"] == "ties"
    assert cases[0].at_sizes({"n": 7}).inputs["x"].shape == (7, 3)


def test_a_graph_has_edges_too():
    text = "inputs: {x: {kind: normal, shape: [n, 3]}}\ngraph: {y: sum(x*x)}\n"
    cases = load_text(f"{text}shapes: {{n: [1, 2]}}\nvalues: [large]", "case.yaml")
    assert [case.name for case in cases] == [
        "case[n=1]",
        "case[n=1,x=large]",
        "case[n=2]",
        "case[n=2,x=large]",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shapes: {m: [1]}", "shapes.m is not used"),
        ("shapes: {n: 3}", "must be a list of lengths"),
        ("shapes: {n: [-1]}", "must be a list of lengths"),
        ("shapes: {n: [1, 1]}", "a length twice"),
        ("shapes: {nx: [1]}", "cannot be the name of a length"),
        ("shapes: [1]", "must be lists by name"),
        ("shapes: {n: [1]}\nvalues: [tise]", "Did you mean 'ties'"),
        ("shapes: {n: [1]}\nvalues: {y: [ties]}", "values names no input: 'y'"),
        ("shapes: {n: [1]}\nvalues: {i: [ties]}", "does not take 'edge'|edge"),
    ],
)
def test_bad_configs(line, said):
    text = f"inputs: {{x: normal:nx3, i: 'integers:3:high=2'}}\ngraph: {{y: sum(x*x)}}\n{line}"
    with pytest.raises(ConfigError, match=said):
        load_text(text, "case.yaml")


def test_too_many_combinations_are_tried_one_by_one():
    shapes = {"n": [*range(10)], "m": [*range(10)]}
    found = [one.sizes for one in edge_cases({"x": "normal:nxm"}, shapes, ["ties"])]
    assert len(found) == 2 * 19
    assert {"n": 3, "m": 9} in found
    assert {"n": 9, "m": 9} in found


def test_values_need_an_input():
    with pytest.raises(GradcmpError, match="no input to change"):
        edge_cases({"i": "integers:3:high=2"}, None, ["ties"])


@pytest.mark.processes
def test_a_config_is_shrunk_on_the_screen(folder, capsys):
    (folder / "case.yaml").write_text(CONFIG.replace("FUNCTION", "right"))
    assert main(["run", "case.yaml"]) == ExitCode.AGREE
    (folder / "case.yaml").write_text(CONFIG.replace("FUNCTION", "blocks"))
    for jobs in "12":
        assert main(["run", "case.yaml", "--jobs", jobs]) == ExitCode.DISAGREE
        said = " ".join(capsys.readouterr().out.split())
        assert "the smallest that is wrong: n=65 (n=64 is right)" in said


def test_a_smaller_case_keeps_what_the_command_line_says():
    """Lengths are looked for in the dtype that was asked for, not in that of the config."""
    (*_, case) = load_text(CONFIG.replace("FUNCTION", "blocks"), "case.yaml")
    asked = replace(case, dtype="bfloat16", seed=7, strict=True)
    wrong = replace(found_wrong(), case=asked)
    seen = []
    shrunk(wrong, asked, lambda one: seen.append(one) or wrong)
    assert {(one.dtype, one.seed, one.strict) for one in seen} == {("bfloat16", 7, True)}
    assert [one.inputs["x"].shape[0] for one in seen] == [0]


def found_wrong():
    """A verdict that fails, as `with_smallest` asks for one."""
    functions = {"mine": lambda x: (-np.sum(x), {"x": -np.ones_like(x)}), "reference": total}
    return gradcmp.compare_functions(functions, {"x": "normal:3"}, framework="numpy")


def total(x):
    return np.sum(x), {"x": np.ones_like(x)}


@pytest.mark.processes
@pytest.mark.usefixtures("folder")
def test_the_command_line_asks_for_them(capsys):
    asked = ["call", "kernels.py:hasty", "--against", "kernels.py:softmax", "-i", "x=normal:nx6"]
    assert main([*asked, "--shapes", "n=1,8", "--values", "ties"]) == ExitCode.AGREE
    assert main([*asked, "--shapes", "n=1,8", "--values", "large"]) == ExitCode.DISAGREE
    assert "x=large" in capsys.readouterr().out
    assert main([*asked, "--shapes", "n=a"]) == ExitCode.USAGE
