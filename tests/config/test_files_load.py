"""Files become cases: what is written, what is left out, where files are found."""

import numpy as np
import pytest

from gradcmp.case import Auto, BackendSpec, Fixed, InputSpec, Ulp
from gradcmp.config import find, load, load_text, parse_backend, parse_input, seed_case
from gradcmp.errors import ConfigError, Location

CASE = """\
name: all
description: >
  Everything
  at once.
inputs:
  X: normal:4x3:std=2
  Z: {kind: arange, shape: [4, 3], start: 1}
  W: [[1, 2], [3, 4]]
  rows: {values: [0, 1], integer: true}
  n: 5
graph:
  node1: >
    X
    * Z
  node2: sum(node1)
output: node1
wrt: [X]
cotangent: ones
dtype: bfloat16
seed: 0x10
round_inputs: false
backends: [numpy, "tensorflow:session", {name: torch, dtype: float64, timeout: 60, required: false}]
tolerance: {rtol: 1e-5, atol: 1e-6}
"""


def test_everything_that_can_be_written():
    (case,) = load_text(CASE, "dir/f.yaml")
    assert case.inputs == {
        "X": InputSpec("normal", (4, 3), {"std": 2.0}),
        "Z": InputSpec("arange", (4, 3), {"start": 1.0}),
        "W": InputSpec("values", None, {"values": [[1, 2], [3, 4]]}),
        "rows": InputSpec("values", None, {"values": [0, 1], "integer": True}),
        "n": InputSpec("values", None, {"values": 5}),
    }
    assert case.inputs["W"].where == Location("dir/f.yaml", 8)
    assert case.graph["node1"].text == "X * Z\n"
    assert case.graph["node1"].where == Location("dir/f.yaml", 12)
    assert case.graph["node2"].where == Location("dir/f.yaml", 15)
    assert case.backends == (
        BackendSpec("numpy"),
        BackendSpec("tensorflow", "session"),
        BackendSpec("torch", dtype="float64", timeout=60.0, required=False),
    )
    assert (case.name, case.description, case.output, case.wrt) == (
        "all", "Everything at once.", "node1", ("X",)
    )  # fmt: skip
    assert (case.cotangent, case.dtype, case.seed, case.round_inputs) == (
        "ones", "bfloat16", 16, False
    )  # fmt: skip
    assert case.tolerance == Fixed(1e-5, 1e-6)


def test_what_is_left_out_has_a_default():
    text = (
        "inputs: {X: ones:3, i: integers:3:high=2, Y: ones:3}\ngraph: {a: X * Y, b: 'take(a, i)'}"
    )
    (case,) = load_text(text, "dir/little.yaml")
    assert (case.name, case.output, case.wrt) == ("little", "b", ("X", "Y"))
    assert [str(backend) for backend in case.backends] == ["numpy", "tensorflow", "torch"]
    assert (case.cotangent, case.dtype, case.seed, case.round_inputs) == (
        "random", "float32", 0, True
    )  # fmt: skip
    assert case.tolerance == Auto()


def test_a_tolerance_in_ulp():
    (case,) = load_text("inputs: {X: ones:3}\ngraph: {a: X * X}\ntolerance: {ulp: 4}", "f")
    assert case.tolerance == Ulp(4)


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("normal:4x3", "{kind: normal, shape: [4, 3]}"),
        ("normal:5", "{kind: normal, shape: 5}"),
        ("normal:4x3", "{kind: normal, shape: 4x3}"),
        ("constant:():value=-1e-3", "{kind: constant, shape: [], value: -1e-3}"),
        ("uniform:2:low=1,high=2", "{kind: uniform, shape: [2], low: 1, high: 2}"),
        ("values:[[1, 2], [3, 4]]", "{values: [[1, 2], [3, 4]]}"),
        ("[[1, 2], [3, 4]]", "{values: [[1, 2], [3, 4]]}"),
        ("[0, 2]:integer=true", "{values: [0, 2], integer: true}"),
        ("-2.5", "{values: -2.5}"),
        ("values:[1, 2]:integer=true", "{values: [1, 2], integer: true}"),
    ],
)
def test_one_grammar_for_files_and_the_command_line(text, mapping):
    spec = parse_input("X", text)
    for written in (f"'{text}'", mapping):
        (case,) = load_text(f"inputs: {{X: {written}, Y: ones:3}}\ngraph: {{a: X * Y}}", "f")
        assert case.inputs["X"] == spec


def test_backends_on_the_command_line():
    assert parse_backend("tensorflow:session") == BackendSpec("tensorflow", "session")
    assert parse_backend("torch,dtype=float16,device=cuda:1,timeout=5,required=false") == (
        BackendSpec("torch", dtype="float16", device="cuda:1", timeout=5.0, required=False)
    )
    assert parse_backend("jax,python=/opt/a:b/python").python == "/opt/a:b/python"


def test_a_label_reads_back_as_what_it_labels():
    for spec in (BackendSpec("jax", "jit"), BackendSpec("torch", dtype="float64", device="cuda:1")):
        assert parse_backend(str(spec)) == spec


def test_data_files_are_relative_to_the_config(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3.0))
    (tmp_path / "c.yaml").write_text("inputs: {X: file:x.npy}\ngraph: {a: X * X}\n")
    (case,) = load(tmp_path / "c.yaml")
    assert case.inputs["X"].parameters["file"] == str(tmp_path / "x.npy")
    assert case.where == Location(str(tmp_path / "c.yaml"), 1)


def test_the_seed_case_is_the_shipped_file(pytestconfig):
    shipped = pytestconfig.rootpath / "configs" / "seed.yaml"
    packaged = pytestconfig.rootpath / "gradcmp" / "config" / "seed.yaml"
    assert packaged.read_bytes() == shipped.read_bytes()


def test_the_seed_case_is_the_textbooks():
    case = seed_case()
    assert {name: expression.text for name, expression in case.graph.items()} == {
        "node1": "X * Y",
        "node2": "node1 + Z",
        "node3": "sum(node2)",
    }
    assert not case.round_inputs
    assert {str(b): b.required for b in case.backends} == {
        "numpy": True, "tensorflow:eager": True, "tensorflow:graph": True,
        "tensorflow:session": True, "torch": True, "jax:eager": False, "jax:jit": False,
    }  # fmt: skip


def test_directories_mean_what_is_below_them(tmp_path):
    for name in ("b.yaml", "sub/a.yml", "a.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find([tmp_path / "b.yaml", tmp_path])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "b.yaml", "a.yaml", "sub/a.yml",
    ]  # fmt: skip


def test_what_cannot_be_found_or_read(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"empty' contains no \*\.yaml or \*\.yml$"):
        find([tmp_path / "empty"])
    with pytest.raises(ConfigError, match=r"nope\.yaml' does not exist$"):
        find([tmp_path / "nope.yaml"])
    with pytest.raises(ConfigError, match=r"nope\.yaml: cannot be read: No such file"):
        load(tmp_path / "nope.yaml")
    with pytest.raises(ConfigError, match=r"empty: cannot be read: Is a directory"):
        load(tmp_path / "empty")
    with pytest.raises(ConfigError, match=r"latin\.yaml: the file is not in UTF-8\. Save it"):
        load(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_no_character(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfinputs: {X: ones:3}\ngraph: {a: X * X}\n")
    assert load(tmp_path / "c.yaml")[0].name == "c"
