"""Recorded here, compared there: record, diff, rejudge and golden recordings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from saved import spoil, words

from gradcmp.cli import main
from gradcmp.recording.files import read, write

FRAMEWORKS = ("torch", "tensorflow", "jax", "pydantic", "yaml")


def one_element(array):
    array[1, 0] *= 1.001
    return array


@pytest.mark.thorough
def test_directories_are_compared_case_by_case(made, capsys):
    golden = made / "golden" / "two layers"
    torch = str(made / "torch" / "two layers.safetensors")
    assert main(["diff", torch, str(golden / "numpy.safetensors")]) == 0
    assert "recorded backend torch | numpy dtype float32 | float64" in words(capsys)
    assert main(["diff", str(made / "torch"), str(made / "torch"), "-v"]) == 0
    text = words(capsys)
    assert "recorded in the same environment" in text
    assert "torch (actual) – torch (expected): recorded in the same environment" in text
    assert "2 cases: 2 agree" in text


def test_one_spoiled_element_of_a_saved_file_is_found(place, capsys):
    file = place / "golden" / "two layers" / "torch.safetensors"
    spoil(file, change=one_element)
    assert main(["diff", str(file), str(place / "torch" / "two layers.safetensors")]) == 1
    text = words(capsys)
    assert text.startswith(
        "✗ two layers: torch (golden)'s gradient of W is wrong (suspect) in 1 of 6"
    )


@pytest.mark.processes
@pytest.mark.parametrize("tolerance", ["auto", "table"])
def test_a_correct_gradient_that_loses_digits_is_no_disagreement(tmp_path, tolerance, capsys):
    """Under auto; a table by dtype would call the gradient of layer_norm a bug."""
    config = tmp_path / "norm.yaml"
    config.write_text(
        "inputs: {X: normal:16x64:mean=300, W: normal:64, B: normal:64}\n"
        "graph: {y: 'layer_norm(X, W, B)'}\n"
    )
    files = [str(tmp_path / f"{dtype}.safetensors") for dtype in ("float32", "float64")]
    for dtype, file in zip(("float32", "float64"), files, strict=True):
        assert main(["record", str(config), "-b", f"numpy,dtype={dtype}", "-o", file]) == 0
    assert main(["diff", *files, "--tolerance", tolerance]) == (tolerance == "table")


@pytest.mark.processes
def test_inputs_that_a_cast_rounds_are_kept_beside_it(tmp_path, capsys):
    """The reference, and so the noise, is that of the numbers that all were handed."""
    config = tmp_path / "variance.yaml"
    config.write_text(
        "inputs: {X: normal:100:mean=300}\n"
        "graph: {square: mean(X * X), v: square - mean(X) ** 2}\n"
        "round_inputs: false\n"
    )
    file, other = str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")
    assert main(["record", str(config), "-b", "numpy,dtype=float32", "-o", file]) == 0
    assert main(["record", str(config), "-b", "numpy", "-o", other]) == 0
    given = read(tmp_path / "a.safetensors").given
    assert given.keys() == {"X"}  # float32 holds it only rounded, and the reference needs it
    assert given["X"].dtype == np.float64
    assert main(["diff", file, other]) == 0
    spoiled = replace(read(tmp_path / "a.safetensors"), given={"X": given["X"] + 1})
    write(tmp_path / "a.safetensors", spoiled)
    assert main(["diff", file, other]) == 2
    assert "input 'X' is not what its case was computed from" in words(capsys)


@pytest.mark.parametrize("command", ["diff", "rejudge"])
@pytest.mark.parametrize("name", ["X", "loss"])
def test_arrays_of_another_case_are_an_error(place, command, name, capsys):
    """An input, and the gradient of the output, that are not those of the case."""
    files = [place / "golden" / "two layers" / f"{of}.safetensors" for of in ("torch", "numpy")]
    for file in files:
        recording = read(file)
        part = "values" if name in recording.origin.case.inputs else "gradients"
        arrays = dict(getattr(recording, part))
        arrays[name] = np.asarray(arrays[name] * 2, arrays[name].dtype)
        write(file, replace(recording, **{part: arrays}))
    assert main([command, *map(str, files)]) == 2
    assert "is not what its case was computed from" in words(capsys)


def test_a_graph_that_both_did_not_compute_is_an_error(place, capsys):
    """Two recordings that agree with each other, and with nothing that their graph gives."""
    files = [place / "golden" / "two layers" / f"{of}.safetensors" for of in ("torch", "numpy")]
    for file in files:
        recording = read(file)
        case = recording.origin.case
        graph = {**case.graph, "H": replace(case.graph["H"], text="exp(X @ W)")}
        origin = replace(recording.origin, case=replace(case, graph=graph))
        write(file, replace(recording, origin=origin))
    assert main(["diff", *map(str, files)]) == 2
    assert "agree on 'H', and it is not what their graph gives" in words(capsys)
    assert main(["rejudge", *map(str, files)]) == 1
    assert "the value of H is wrong in torch and numpy (bug, not rounding)" in words(capsys)


def test_upgrading_a_framework_shows_in_the_answer(place, capsys):
    old = place / "old.safetensors"
    recording = read(place / "torch" / "two layers.safetensors")
    write(old, replace(recording, environment={**recording.environment, "torch": "1.13.1"}))
    assert main(["diff", str(place / "torch" / "two layers.safetensors"), str(old)]) == 0
    text = words(capsys)
    assert re.search(r"recorded torch \S+ \| 1\.13\.1", text.split("with X")[0])
    assert "what differs" not in text
    assert main(["diff", str(place / "torch" / "two layers.safetensors"), str(old), "-v"]) == 0
    assert "what differs beside the numbers torch (torch) torch (old)" in words(capsys)


def test_different_inputs_are_refused_unless_told(made, tmp_path, capsys):
    config, other = str(made / "cases.yaml"), str(tmp_path / "other.safetensors")
    record = ["record", config, "--case", "two layers", "-b", "numpy", "--seed", "1", "-o", other]
    assert main(record) == 0
    diff = ["diff", other, str(made / "golden" / "two layers" / "numpy.safetensors")]
    assert main(diff) == 2
    assert "were computed from different inputs: X, W. Record them" in words(capsys)
    assert main([*diff, "--different-inputs"]) == 1
    text = words(capsys)
    assert "seed 1 | 0" in text
    assert "not the same input" not in text


def test_npz_is_matched_by_mapped_names(made, tmp_path, capsys):
    torch = str(made / "torch" / "two layers.safetensors")
    gradients = read(made / "torch" / "two layers.safetensors").gradients
    mine = str(tmp_path / "mine.npz")
    np.savez(mine, dX=gradients["X"], dW=gradients["W"])
    matched = ["--map", "dX=d X", "--map", "dW=d W", "--only", "d X", "--only", "d W"]
    assert main(["diff", mine, torch, *matched]) == 0
    assert "inputs not known" in words(capsys)
    np.savez(mine, dX=gradients["X"], dW=-gradients["W"])
    assert main(["diff", mine, torch, *matched]) == 1
    assert main(["diff", mine, torch, *matched[:4]]) == 1
    assert "mine did not give" in words(capsys)


def test_two_npy_files(tmp_path):
    a, b = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(a, np.arange(6.0).reshape(2, 3))
    np.save(b, np.arange(6.0).reshape(2, 3))
    assert main(["diff", str(a), str(b)]) == 0
    np.save(b, np.arange(6.0).reshape(3, 2))
    assert main(["diff", str(a), str(b)]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--map", "x"], "map 'x' is not A=B"),
        (["--map", "d X=d W", "--map", "d X=d X"], "map 'd X=d X' repeats a name"),
        (["--map", "q=d X"], "no tensor is called 'q'"),
        (["--only", "d x"], "no tensor is called 'd x'. Did you mean 'd X'?"),
        (["--rtol", "1"], "rtol must be less than 1"),
        (["--rtol", "1", "--atol", "1", "--ulp", "1"], "--ulp was given with --rtol"),
        (["--tolerance", "auto", "--ulp", "1"], "--tolerance was given with --ulp"),
        (["--json", "/nowhere/at/all.json"], "there is no directory"),
    ],
)
def test_what_cannot_be_asked_is_2(made, arguments, says, capsys):
    torch = str(made / "torch" / "two layers.safetensors")
    assert main(["diff", torch, torch, *arguments]) == 2
    assert says in words(capsys)


def test_paths_that_do_not_fit_are_2(made, tmp_path, capsys):
    torch = made / "torch"
    for pair, says in (
        ((torch, torch / "two layers.safetensors"), "are a file and a directory"),
        ((torch, tmp_path / "absent"), "does not exist"),
        ((tmp_path, torch), "contains no *.safetensors"),
        ((made / "cases.yaml", made / "cases.yaml"), "is in none of the formats"),
    ):
        assert main(["diff", *map(str, pair)]) == 2
        assert says in words(capsys)


def test_a_case_that_one_directory_lacks_could_not_be_compared(place, capsys):
    fewer = shutil.copytree(place / "torch", place / "fewer")
    (fewer / "two layers.safetensors").unlink()
    assert main(["diff", str(fewer), str(place / "torch")]) == 3
    assert "'two layers.safetensors' is only in" in words(capsys)
    assert main(["diff", str(place / "torch"), str(fewer)]) == 3


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_2(place, share, capsys):
    file = place / "torch" / "two layers.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    assert main(["diff", str(file), str(file)]) == 2
    assert str(file) in words(capsys)


@pytest.mark.parametrize("mask", [0x02, 0xFF])
def test_a_flipped_byte_never_ends_in_a_crash(place, mask, capsys):
    file, good = place / "spoiled.safetensors", str(place / "torch" / "two layers.safetensors")
    whole = (place / "torch" / "two layers.safetensors").read_bytes()
    for at in range(8, len(whole), 47):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
        code = main(["diff", str(file), good])
        captured = capsys.readouterr()
        assert code in (0, 1, 2), captured
        assert "internal error" not in captured.err


def test_diff_is_json_too(made, capsys):
    torch = str(made / "torch" / "two layers.safetensors")
    assert main(["diff", torch, torch, "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    counts = {"cases": 1, "agree": 1, "disagree": 0, "could_not_compare": 0, "weak_checks": 0}
    assert report["summary"] == counts
    assert report["cases"][0]["name"] == "two layers"


def test_comparing_needs_no_framework(made):
    """Nor what reads configs: a fresh interpreter compares saved files."""
    golden = made / "golden" / "two layers"
    code = f"""
import sys
from gradcmp.cli import main
files = [{str(golden / "torch.safetensors")!r}, {str(golden / "numpy.safetensors")!r}]
codes = [main(["diff", *files]), main(["rejudge", *files])]
print(codes, [name for name in {FRAMEWORKS!r} if name in sys.modules])
"""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert answer.stdout.splitlines()[-1] == "[0, 0] []"
