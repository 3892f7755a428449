"""Golden recordings: what a run leaves, and what a later run finds in them."""

from __future__ import annotations

import shutil

from saved import CASES, spoil, words

from gradcmp.cli import main


def test_golden_recordings_lie_by_case_and_backend(made):
    found = {str(path.relative_to(made)) for path in made.rglob("*.safetensors")}
    assert found == {
        "golden/two layers/numpy.safetensors",
        "golden/two layers/torch.safetensors",
        "golden/%2E.%2Fsum/numpy.safetensors",
        "golden/%2E.%2Fsum/torch.safetensors",
        "torch/two layers.safetensors",
        "torch/%2E.%2Fsum.safetensors",
    }


def test_a_gradient_that_drifted_from_its_golden_one_is_found(place, capsys):
    config, golden = str(place / "cases.yaml"), place / "of numpy"
    run = ["run", config, "-b", "numpy"]
    main([*run, "--record-golden", str(golden)])
    against = [*run, "--against-golden", str(golden)]
    capsys.readouterr()
    assert main([*against, "-v"]) == 0
    told = "numpy and numpy (golden) agree in 6 tensors recorded in the same environment"
    assert told in words(capsys)
    spoil(golden / "two layers" / "numpy.safetensors")
    assert main(against) == 1
    assert "gradient of W is wrong (bug, not rounding)" in words(capsys)
    (golden / "two layers" / "numpy.safetensors").unlink()
    assert main(against) == 2
    assert "there is no golden recording of 'numpy' for case 'two layers'" in words(capsys)


def test_a_golden_recording_of_other_inputs_or_another_graph_is_refused(place, capsys):
    config, golden = place / "cases.yaml", str(place / "golden")
    against = ["run", str(config), "-b", "numpy", "--against-golden", golden]
    assert main([*against, "--seed", "9"]) == 2
    assert "was recorded with other numbers in X, W" in words(capsys)
    config.write_text(CASES.replace("tanh(X @ W)", "exp(X @ W)"))
    assert main(against) == 2
    assert "was recorded with another graph" in words(capsys)
    numpy = place / "golden" / "two layers" / "numpy.safetensors"
    shutil.copy(place / "golden" / "two layers" / "torch.safetensors", numpy)
    config.write_text(CASES)
    assert main(against) == 2
    assert "is not a golden recording of 'numpy'" in words(capsys)


def test_an_optional_backend_is_never_silently_new(place, capsys):
    config, golden = str(place / "cases.yaml"), str(place / "golden")
    optional = ["-b", "numpy", "-b", "numpy,dtype=float32,required=false"]
    assert main(["run", config, *optional, "--against-golden", golden]) == 2
    assert "there is no golden recording of 'numpy,dtype=float32'" in words(capsys)


def test_golden_options_that_contradict(made, capsys):
    golden = str(made / "golden")
    assert main(["run", "--record-golden", golden, "--against-golden", golden]) == 2
    assert "contradict each other" in words(capsys)
