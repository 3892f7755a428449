"""Files of ``torch.save``: tensors and numbers by their places, and never a line of code."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from gradcmp import machine
from gradcmp.errors import AbsentError, RecordingError
from gradcmp.formats.torch import read_torch
from gradcmp.recording import BFLOAT16

RNG = np.random.default_rng(31)
W, B = RNG.standard_normal((3, 4)).astype("f4"), RNG.standard_normal(4)

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def torch(with_torch):
    import torch

    return torch


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "gradients.pt")


@pytest.fixture
def refuse(torch, file):
    def refused(content, words, error=RecordingError):
        torch.save(content, file)
        with pytest.raises(error, match=words):
            read_torch(file)

    return refused


@pytest.mark.parametrize("zipped", [True, False])
def test_nested_names_are_dotted(torch, file, zipped):
    content = {"layer": {"weight": torch.tensor(W), 0: [torch.tensor(B), torch.tensor(2)]}}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    found = read_torch(file)
    assert [*found] == ["layer.weight", "layer.0.0", "layer.0.1"]
    np.testing.assert_array_equal(found["layer.weight"], W, strict=True)
    np.testing.assert_array_equal(found["layer.0.0"], B, strict=True)


def test_a_state_dict_keeps_its_own_names(torch, file):
    model = torch.nn.Sequential(
        OrderedDict(hidden=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2))
    )
    torch.save({"model": model.state_dict(), "epoch": 3, "lr": 0.5, "note": "ok"}, file)
    found = read_torch(file)
    names = {f"model.{name}" for name in model.state_dict()}
    assert {*found} == {*names, "epoch", "lr"}
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(found[f"model.{name}"], tensor.numpy(), strict=True)
    assert (found["epoch"].dtype, found["epoch"], found["lr"]) == (np.int64, 3, 0.5)


def test_a_tensor_alone_is_called_as_in_an_npy(torch, file):
    torch.save(torch.tensor(W, requires_grad=True), file)
    ((name, array),) = read_torch(file).items()
    assert name == "array"
    np.testing.assert_array_equal(array, W, strict=True)


def test_every_kind_of_number_comes_as_it_is(torch, file):
    """Expected by definition: of a conjugate, of a sparse tensor, of the bits of bfloat16."""
    z = np.array([[1 + 2j, 3 - 4j]], np.complex64)
    torch.save(
        {
            "complex": torch.tensor(z),
            "conjugate": torch.tensor(z).conj(),
            "negative": torch.tensor(z).conj().imag,
            "sparse": torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse(),
            "turned": torch.tensor(W).T,
            "brain": torch.tensor([1.0, -2.0], dtype=torch.bfloat16),
            "whole": torch.tensor([1, -2], dtype=torch.int8),
            "mask": torch.tensor([True, False]),
            "none": torch.zeros((0, 2)),
        },
        file,
    )
    found = read_torch(file)
    expected = {
        "complex": z,
        "conjugate": z.conj(),
        "negative": -z.imag,
        "sparse": np.array([[0, 2], [0, 0]], "f4"),
        "turned": W.T,
        "brain": np.array([0x3F80, 0xC000], "u2").view(BFLOAT16),
        "whole": np.array([1, -2], "i1"),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 2), "f4"),
    }
    assert {*found} == {*expected}
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


class Bomb:
    """What a hostile file may contain: a call of anything."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_never_run(torch, file, tmp_path, zipped):
    trace = tmp_path / "it ran"
    torch.save(
        {"fine": torch.ones(2), "x": Bomb(trace)}, file, _use_new_zipfile_serialization=zipped
    )
    with pytest.raises(RecordingError, match=r"contains code or objects .*never unpickled"):
        read_torch(file)
    assert not trace.exists()
    torch.load(file, weights_only=False)  # the same file does harm where it is unpickled
    assert trace.exists()


def test_a_plain_pickle_is_no_pt_file(torch, file, tmp_path):
    trace = tmp_path / "it ran"
    Path(file).write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(RecordingError, match=r"not a complete \.pt file|never unpickled"):
        read_torch(file)
    assert not trace.exists()


def test_an_old_torch_is_not_trusted(torch, refuse, monkeypatch):
    """Before 2.6, weights_only could be talked into running code: CVE-2025-32434."""
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    refuse(torch.ones(1), "2.5.1.* may run code.*Install torch>=2.6", AbsentError)


def test_what_is_no_tensor_is_refused(torch, refuse):
    refuse(torch.nn.Linear(2, 2), "code or objects .'torch.nn.modules.linear.Linear'")
    refuse({"a": np.float64(2)}, "never unpickled. Save a dict of tensors")
    refuse({"a": torch.ones(2).to(torch.float8_e4m3fn)}, "'a' is a tensor of dtype float8_e4m3fn")
    refuse({"a": torch.ones(2, device="meta")}, "'a' is a tensor without numbers")
    refuse({"a": 2**70}, "'a' is a whole number of more than 64 bits")
    refuse({(1, 2): torch.ones(2)}, "is a tuple, not a text")
    refuse({"a": {"b": torch.ones(1)}, "a.b": torch.ones(1)}, "two arrays are called 'a.b'")


def test_what_would_fill_the_memory_is_refused(torch, refuse, monkeypatch):
    refuse({"a": torch.ones(1).expand(10**13)}, "'a' its arrays need more than half")
    sparse = torch.sparse_coo_tensor([[0]], [1.0], (10**13,), check_invariants=True)
    refuse({"a": sparse}, "'a' its arrays need more than half")
    monkeypatch.setattr(machine, "memory", lambda: 1000)
    refuse({"a": torch.ones(1000)}, "decompress to|more than half")


def test_names_without_end_are_refused(torch, refuse):
    """Forty lists that hold the one before twice are 2⁴⁰ names; one that holds itself is no end."""
    twice = [torch.ones(1)]
    for _ in range(40):
        twice = [twice, twice]
    refuse(twice, "more than 100000 arrays")
    itself = [torch.ones(1)]
    itself.append(itself)
    refuse(itself, "nested more than 64 deep")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_anywhere_is_refused(torch, file, zipped):
    stream = io.BytesIO()
    torch.save({"w": torch.tensor(B)}, stream, _use_new_zipfile_serialization=zipped)
    whole = stream.getvalue()
    for length in {*range(1, len(whole), 61), len(whole) - 1}:
        Path(file).write_bytes(whole[:length])
        with pytest.raises(RecordingError):
            read_torch(file)
