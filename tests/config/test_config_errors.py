"""Every mistake in a config is one sentence with file, line and the way out."""

from __future__ import annotations

import pytest
from refusals import BASE, refusal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dtpye: float32", "f.yaml:5: unknown key 'dtpye'. Did you mean 'dtype'?"),
        ("dtype: flaot32", "f.yaml:5: dtype is 'flaot32'. Did you mean 'float32'?"),
        (
            "dtype: 32",
            "f.yaml:5: dtype is 32. "
            "Choose from bfloat16, complex128, complex64, float16, float32, float64.",
        ),
        ("cotangent: one", "f.yaml:5: cotangent is 'one'. Did you mean 'ones'?"),
        ("seed: abc", "f.yaml:5: seed is 'abc', and must be an integer"),
        ("seed: 1.5", "f.yaml:5: seed is 1.5, and must be an integer"),
        ("seed: true", "f.yaml:5: seed is true, and must be an integer"),
        ("seed: -1", "f.yaml:5: seed is -1, and must be at least 0"),
        ("round_inputs: no", "f.yaml:5: round_inputs is 'no', and must be true or false"),
        ("name: ''", "f.yaml:5: name is empty. Fill it in, or remove it."),
        (
            'name: "a\\nb"',
            "f.yaml:5: name is 'a\\nb', and must be a single line of printable characters",
        ),
        (
            "description: 3",
            "f.yaml:5: description is 3, and must be text; numbers become text in quotes",
        ),
        ("output: b", "f.yaml:5: output is 'b', and no node has that name. Choose from a."),
        ("wrt: X", "f.yaml:5: wrt is 'X', and must be a list"),
        ("wrt: []", "f.yaml:5: wrt is empty. Fill it in, or remove it."),
        ("wrt: [X, X]", "f.yaml:5: wrt[1] is 'X' again. Remove it."),
        ("wrt:\n  - Y", "f.yaml:6: wrt[0] is 'Y'. Choose from X."),
        (
            "backends:\n  - numpy\n  - torhc",
            "f.yaml:7: backends[1] is 'torhc'. Did you mean 'torch'?",
        ),
        ("backends: [{name: jaxx}]", "f.yaml:5: backends[0] is 'jaxx'. Did you mean 'jax'?"),
        (
            "backends:\n  - tensorflow:sesion",
            "f.yaml:6: backends[0]: tensorflow has no mode 'sesion'. Did you mean 'session'?",
        ),
        (
            "backends:\n  - name: torch\n    devise: cpu",
            "f.yaml:7: unknown key 'devise' in backends[0]. Did you mean 'device'?",
        ),
        (
            "backends: ['torch,devise=cpu']",
            "f.yaml:5: unknown key 'devise' in backends[0]. Did you mean 'device'?",
        ),
        (
            "backends: ['torch,dtype=flaot32']",
            "f.yaml:5: backends[0].dtype is 'flaot32'. Did you mean 'float32'?",
        ),
        (
            "backends: ['torch,cpu']",
            "f.yaml:5: backends[0]: 'cpu' is not an option. Write options as key=value.",
        ),
        (
            "backends: ['torch,device=a,device=b']",
            "f.yaml:5: backends[0]: 'device' is given twice. Remove one of them.",
        ),
        ("backends: [{mode: eager}]", "f.yaml:5: backends[0] has no 'name'. Add it."),
        ("backends: [3]", "f.yaml:5: backends[0] is 3, and must be a mapping or text"),
        ("backends: []", "f.yaml:5: backends is empty. Fill it in, or remove it."),
        ("backends: [torch, torch]", "f.yaml:5: backends[1] is 'torch' again. Remove one of them."),
        (
            "backends: ['torch,timeout=0']",
            "f.yaml:5: backends[0].timeout is 0, and must be more than 0",
        ),
        (
            "backends: [{name: torch, timeout: .inf}]",
            "f.yaml:5: backends[0].timeout is inf, and must be a finite number",
        ),
        (
            "backends: [{name: torch, required: 1}]",
            "f.yaml:5: backends[0].required is 1, and must be true or false",
        ),
        ("tolerance: 1e-5", "f.yaml:5: tolerance is 1e-05, and must be a mapping"),
        ("tolerance: {rtol: 1e-5}", "f.yaml:5: tolerance has no 'atol'. Add it."),
        (
            "tolerance: {rtol: 1e-5, atl: 0}",
            "f.yaml:5: unknown key 'atl' in tolerance. Did you mean 'atol'?",
        ),
        (
            "tolerance: {rtol: -1, atol: 0}",
            "f.yaml:5: tolerance.rtol is -1, and must be at least 0",
        ),
        (
            "tolerance: {rtol: 0, atol: .nan}",
            "f.yaml:5: tolerance.atol is nan, and must be a finite number",
        ),
        ("tolerance: {ulp: 1.5}", "f.yaml:5: tolerance.ulp is 1.5, and must be an integer"),
        (
            "tolerance:\n  ulp: 4\n  rtol: 0",
            "f.yaml:7: unknown key 'rtol' in tolerance. Choose from ulp.",
        ),
        ("matrix: 3", "f.yaml:5: matrix is 3, and must be a mapping of lists"),
        ("matrix:\n  seed: 3", "f.yaml:6: matrix.seed is 3, and must be a list of values"),
        ("matrix: {seed: []}", "f.yaml:5: matrix.seed is [], and must be a list of values"),
        ("matrix: {seed: [1, 1]}", "f.yaml:5: matrix.seed contains 1 twice. Remove one of them."),
        (
            "matrix:\n  dtype:\n    - float32\n    - flaot16",
            "f.yaml:8: dtype is 'flaot16'. Did you mean 'float16'?",
        ),
        (
            "matrix: {graph: [1, 2]}",
            "f.yaml:5: matrix cannot vary 'graph'. "
            "Write variables, and ${variable} inside 'graph'.",
        ),
        (
            "matrix: {sed: [1, 2]}",
            "f.yaml:5: the matrix variable 'sed' is not used. Did you mean 'seed'?",
        ),
        (
            "matrix:\n  n: [1, 2]",
            "f.yaml:6: the matrix variable 'n' is not used. "
            "Write ${n} where it belongs, or remove it.",
        ),
    ],
)
def test_a_wrong_key_of_a_case(text, message):
    assert refusal(BASE + text + "\n") == message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "nrmal:4x3",
            "f.yaml:2: inputs.X: there is no kind of input 'nrmal'. Did you mean 'normal'?",
        ),
        (
            "normal",
            "f.yaml:2: inputs.X: the shape is missing. "
            "Write lengths with 'x' between them, as in 4x3, or () for a single number.",
        ),
        (
            "normal:4y3",
            "f.yaml:2: inputs.X: '4y3' is not a shape. "
            "Write lengths with 'x' between them, as in 4x3, or () for a single number.",
        ),
        (
            "normal:3:meen=1",
            "f.yaml:2: unknown key 'meen' in inputs.X. Did you mean 'mean'?",
        ),
        ("normal:3:mean=a", "f.yaml:2: inputs.X.mean is 'a', and must be a number"),
        ("constant:3", "f.yaml:2: inputs.X has no 'value'. Add it."),
        (
            "'values:[[1, 2]'",
            "f.yaml:2: inputs.X: '[[1, 2]' is not a list of numbers. "
            "Write nested lists: [[1, 2], [3, 4]].",
        ),
        ("{kind: nomal, shape: [3]}", "f.yaml:2: inputs.X.kind is 'nomal'. Did you mean 'normal'?"),
        (
            "{shape: [3]}",
            "f.yaml:2: inputs.X has no 'kind'. "
            "Choose from arange, constant, file, integers, normal, ones, uniform, values, zeros.",
        ),
        ("{kind: normal}", "f.yaml:2: inputs.X has no 'shape'. Add it."),
        ("\n    kind: normal\n    shape: [3]\n    meen: 0",
         "f.yaml:5: unknown key 'meen' in inputs.X. Did you mean 'mean'?"),
        (
            "{kind: normal, shape: [-3]}",
            "f.yaml:2: inputs.X.shape[0] is -3, and must be at least 0",
        ),
        (
            "{kind: normal, shape: [2.5]}",
            "f.yaml:2: inputs.X.shape[0] is 2.5, and must be an integer",
        ),
        (
            "{kind: normal, shape: [" + ",".join("1" * 33) + "]}",
            "f.yaml:2: inputs.X.shape has 33 entries, and may have at most 32",
        ),
        ("{kind: normal, shape: true}", "f.yaml:2: inputs.X.shape is true, and must be a list"),
        ("null", "f.yaml:2: inputs.X is null, and must be a mapping or text"),
        ("[[1], [1, 2]]", "f.yaml:2: input 'X' has lists of different lengths at the same level"),
        ("[a]", "f.yaml:2: input 'X' has 'a', which is no number; complex: '1+2j'"),
        (
            "[true, 2]",
            "f.yaml:2: input 'X' must contain only numbers, or only booleans",
        ),
        (
            "\n    values: [1, 2]\n    integer: 3",
            "f.yaml:4: inputs.X.integer is 3, and must be true or false",
        ),
        (
            "{values: [1.5], integer: true}",
            "f.yaml:2: input 'X' has 'integer: true', and must contain only 64-bit integers",
        ),
        (
            "{values: [1, 2], shape: [3]}",
            "f.yaml:2: input 'X': its shape is (2,), and must be (3,)",
        ),
        (
            "integers:3:high=0",
            "f.yaml:2: input 'X' asks for 64-bit integers from 0 to -1, and there are none",
        ),
        (
            "integers:3:high=4",
            "f.yaml:1: no input is real-valued, so there is no gradient to compare. "
            "Add an input of real numbers.",
        ),
        (
            "file:nope.npy",
            "f.yaml:2: input 'X': 'nope.npy' cannot be read: No such file or directory",
        ),
        (
            "normal:${n}x3",
            "f.yaml:2: there is no matrix variable 'n'. Define it as a list under 'matrix'.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_input(spec, message):
    assert refusal(f"inputs:\n  X: {spec}\ngraph:\n  a: sum(X)\n") == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- 3\n",
            "f.yaml:1: the file contains [3], and must contain a mapping. "
            "Write 'inputs:' and 'graph:', or 'cases:' with a list of them.",
        ),
        (
            "inputs: {X: ones:3}\n",
            "f.yaml:1: the case has no 'graph', and no 'code'. Write one of them.",
        ),
        (
            "inptus: {X: ones:3}\ngraph: {a: X * X}\n",
            "f.yaml:1: unknown key 'inptus'. Did you mean 'inputs'?",
        ),
        ("inputs: 3\ngraph: {a: X}\n", "f.yaml:1: inputs is 3, and must be a mapping"),
        ("inputs: {X: ones:3}\ngraph: {}\n", "f.yaml:2: graph is empty. Fill it in, or remove it."),
        (
            "inputs: {X: ones:3}\ngraph:\n  a: 3\n",
            "f.yaml:3: graph.a is 3, and must be text; numbers become text in quotes",
        ),
        (
            "inputs: {4X: ones:3}\ngraph: {a: X}\n",
            "f.yaml:1: '4X' cannot be the name of an input or node. "
            "Use letters, digits and '_', but not a Python keyword.",
        ),
        (
            "inputs: {X: ones:3}\ngraph:\n  lambda: X * X\n",
            "f.yaml:3: 'lambda' cannot be the name of an input or node. "
            "Use letters, digits and '_', but not a Python keyword.",
        ),
        (
            "inputs: {X: ones:3}\ngraph:\n  __class__: X * X\n",
            "f.yaml:3: '__class__' cannot be the name of an input or node. "
            "Use letters, digits and '_', but not a Python keyword.",
        ),
        ("cases: []\n", "f.yaml:1: cases is [], and must be a list of cases"),
        ("defaults: {}\n", "f.yaml:1: cases is null, and must be a list of cases"),
        ("cases:\n  - 3\n", "f.yaml:2: cases[0] is 3, and must be a mapping"),
        ("cases: [{name: a}]\ndefaults: 3\n", "f.yaml:2: defaults is 3, and must be a mapping"),
        (
            "cases: [{name: a}]\nseed: 3\n",
            "f.yaml:2: unknown key 'seed' next to 'cases'. "
            "Write it under 'defaults', or in each case.",
        ),
        (
            "cases: [{name: a}]\ndefualts: {}\n",
            "f.yaml:2: unknown key 'defualts' next to 'cases'. Did you mean 'defaults'?",
        ),
        (
            "cases:\n  - graph: {a: X * X}\n",
            "f.yaml:2: cases[0] has no 'name'. Each of several cases needs its own.",
        ),
        (
            "defaults: {name: x}\ncases: [{name: a}]\n",
            "f.yaml:1: defaults has a 'name'. Each of several cases needs its own.",
        ),
        (
            "inputs: {X: ones:3}\ngraph: {a: sum(X, 0)}\n",
            "f.yaml:2: graph.0) is null, and must be text; numbers become text in quotes. "
            "Inside {}, put an expression that contains commas in quotes.",
        ),
        (
            "defaults: {inputs: {X: ones:3},\n"
            "  dtpye: x}\ncases:\n- {name: a, graph: {b: X * X}}\n",
            "f.yaml:2: unknown key 'dtpye'. Did you mean 'dtype'?",
        ),
        (
            "defaults: {inputs: {X: ones:3}, graph: {b: X * X}}\ncases:\n- name: a\n- name: a\n",
            "f.yaml:4: two cases are called 'a', and the first is on line 3. Rename one of them.",
        ),
    ],
)
def test_a_wrong_file(text, message):
    assert refusal(text) == message
