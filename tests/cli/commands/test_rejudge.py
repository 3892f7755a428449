"""Recorded there, judged again here: rejudge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from saved import spoil, words

from gradcmp.cli import main
from gradcmp.recording.files import read, write


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--ulp", "0"], 1), (["--ulp", "64"], 0)])
def test_another_tolerance_without_running_anything(made, options, code, capsys):
    assert main(["rejudge", str(made / "golden"), *options]) == code
    assert "2 cases" in words(capsys)


def test_rejudge_judges_by_the_noise_of_the_recorded_graph(place, capsys):
    """What is loud and has no float64 run fails; a reference that nobody recorded is computed."""
    torch = place / "torch" / "two layers.safetensors"
    assert main(["rejudge", str(torch), "-v"]) == 0
    text = words(capsys)
    assert "from numpy recomputed (float64)" in text
    assert "rule auto:" in text
    spoil(torch)
    write(torch, replace(read(torch), twin=None))
    assert main(["rejudge", str(torch)]) == 1
    assert "torch's gradient of W is wrong (suspect)" in words(capsys)
    assert main(["rejudge", str(torch), "--tolerance", "table"]) == 3


def test_rejudge_with_rtol_and_atol(place, capsys):
    spoil(place / "golden" / "two layers" / "torch.safetensors")
    arguments = ["rejudge", str(place / "golden")]
    assert main([*arguments, "--rtol", "1e-2", "--atol", "0", "-v"]) == 0
    assert "rule |a − e| <= 0 + 0.01·|e|" in words(capsys)
    assert main([*arguments, "--rtol", "1e-5", "--atol", "0"]) == 1


def test_rejudge_finds_what_cannot_be_judged_together(place, capsys):
    golden = place / "golden" / "two layers"
    torch = golden / "torch.safetensors"
    assert main(["rejudge", str(torch), "--ulp", "9"]) == 3  # one alone is held against nothing
    assert main(["rejudge", str(torch), str(place / "torch" / "two layers.safetensors")]) == 2
    assert "are both of 'torch'" in words(capsys)
    recording = read(torch)
    hashes = {**recording.origin.hashes, "X": "0" * 64}
    write(torch, replace(recording, origin=replace(recording.origin, hashes=hashes)))
    assert main(["rejudge", str(golden)]) == 2
    assert "but other numbers in X" in words(capsys)
    np.savez(place / "loose.npz", x=np.ones(2))
    assert main(["rejudge", str(place / "loose.npz")]) == 2
    assert "does not say which case it is of" in words(capsys)
