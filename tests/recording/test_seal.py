"""A recording whose case is not what it was recorded of is refused, and the way out is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradcmp.cli import main
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.errors import RecordingError
from gradcmp.recording import from_bytes, pack, to_bytes, unpack
from gradcmp.recording.seal import SEAL, seal

SPOILED = "golden/case/numpy,dtype=float32.safetensors"
# What is done to the arrays and the metadata of one of another case.
REPLACED = {
    "the graph": lambda arrays, facts, other: facts["origin"].update(graph={"Y": "X + X"}),
    "a sign": lambda arrays, facts, other: facts["origin"].update(graph={"Y": "X * -X"}),
    "by no expression": lambda arrays, facts, other: facts["origin"].update(graph={"Y": ""}),
    "the name": lambda arrays, facts, other: facts["origin"].update(name="another"),
    "the seed": lambda arrays, facts, other: facts["origin"].update(seed=6),
    "a hash": lambda arrays, facts, other: facts["origin"]["hashes"].update(X="0" * 64),
    "the origin": lambda arrays, facts, other: facts.update(origin=other["origin"]),
    "the origin and its seal": lambda arrays, facts, other: facts.update(
        origin=other["origin"], seal=other[SEAL]
    ),
    "the backend": lambda arrays, facts, other: facts.update(backend="jax"),
    "no seal": lambda arrays, facts, other: facts.pop(SEAL),
    "a seal of another kind": lambda arrays, facts, other: facts.update(seal=[1]),
    "an array's name": lambda arrays, facts, other: arrays.update(
        {"value/Z": arrays.pop("value/Y")}
    ),
    "an array's shape": lambda arrays, facts, other: arrays.update(
        {"value/Y": arrays["value/Y"].reshape(3, 4)}
    ),
    "a number": lambda arrays, facts, other: arrays.update({"value/Y": arrays["value/Y"] + 1}),
    "an array's dtype": lambda arrays, facts, other: arrays.update(
        {"value/Y": arrays["value/Y"].astype(np.float64)}
    ),
}


@pytest.mark.parametrize("replace", REPLACED.values(), ids=list(REPLACED))
def test_what_was_replaced_is_refused(make, replace):
    arrays, facts = unpack(to_bytes(make()))
    _, other = unpack(to_bytes(make("torch", np.float32, np.ones((4, 3)))))
    assert from_bytes(pack(arrays, facts)).origin == make().origin
    replace(arrays, facts, other)
    with pytest.raises(RecordingError, match=r"has been changed since\. Record it again\.$"):
        from_bytes(pack(arrays, facts))
    assert seal(arrays, facts) != facts.get(SEAL)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 10**6])
@pytest.mark.parametrize("dtype", ["float64", "bool", "int32", "bfloat16"])
def test_a_large_array_is_looked_at_here_and_there(size, dtype):
    """In whatever layout and byte order: that is not what was recorded."""
    array = (np.arange(2 * size) % 251).reshape(2, size).astype(numpy_dtype(dtype))
    told = seal({"a": array}, {})
    assert told == seal({"a": np.asfortranarray(array)}, {"seal": told})
    if dtype == "float64":
        assert told == seal({"a": array.astype(">f8")}, {})
    assert not size or told != seal({"a": np.zeros_like(array)}, {}) or size == 1


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_older_recordings_have_no_seal_and_are_read(make, schema):
    arrays, facts = unpack(to_bytes(make()))
    del facts[SEAL]
    old = {**facts, "schema": f"gradcmp/recording/{schema}"}
    assert from_bytes(pack(arrays, old)).origin == make().origin
    old["origin"]["graph"] = {"Y": " "}
    with pytest.raises(RecordingError, match="a node without an expression"):
        from_bytes(pack(arrays, old))


@pytest.mark.processes
def test_a_reference_with_an_index_of_no_place_is_refused(monkeypatch, tmp_path, capsys):
    """Also where the digest is right, and no graph is asked for a tolerance."""
    monkeypatch.chdir(tmp_path)
    Path("case.yaml").write_text(
        'inputs: {X: "normal:3", i: "integers:2:high=3"}\ngraph: {Y: "sum(take(X, i))"}\n'
    )
    for name in ("float32", "float64"):
        record = ["-b", f"numpy,dtype={name}", "-o", f"{name}.safetensors"]
        assert main(["record", "case.yaml", *record]) == 0
    rule = ["--rtol", "0.1", "--atol", "0"]
    assert main(["diff", "float32.safetensors", "float64.safetensors", *rule]) == 0
    arrays, facts = unpack(Path("float64.safetensors").read_bytes())
    arrays |= {"value/i": np.asarray([5, 10**9]), "gradient/X": arrays["gradient/X"] + 1}
    spoiled = pack(arrays, {**facts, SEAL: seal(arrays, facts)})
    Path("float64.safetensors").write_bytes(spoiled)
    assert main(["diff", "float32.safetensors", "float64.safetensors", *rule]) == 2
    assert "its graph cannot be computed from its inputs (index 5" in capsys.readouterr().err


@pytest.mark.processes
@pytest.mark.parametrize("graph", ["X + X", ""])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["diff", "golden/case/numpy.safetensors", SPOILED], 2),
        (["diff", "golden", "golden", "--rtol", "0.9", "--atol", "9"], 3),  # the others go on
        (["rejudge", "golden", "--tolerance", "table"], 2),
        (["run", "case.yaml", "--against-golden", "golden"], 2),
    ],
    ids=["diff", "diff folders", "rejudge", "golden"],
)
def test_every_command_refuses_it(arguments, code, graph, monkeypatch, tmp_path, capsys):
    """And judges the same files before."""
    monkeypatch.chdir(tmp_path)
    Path("case.yaml").write_text(
        'inputs: {X: "normal:3"}\ngraph: {Y: X * X}\n'
        "backends: [numpy, {name: numpy, dtype: float32}]\n"
    )
    assert main(["run", "case.yaml", "--record-golden", "golden"]) == 0
    assert main(arguments) == 0
    file = Path(SPOILED)
    arrays, facts = unpack(file.read_bytes())
    facts["origin"]["graph"] = {"Y": graph}
    file.write_bytes(pack(arrays, facts))
    capsys.readouterr()
    assert main(arguments) == code
    said = " ".join("".join(capsys.readouterr()).split())
    assert "its arrays are not of the case in its metadata" in said
    assert "Record it again" in said
    assert SPOILED in said or code == 3
