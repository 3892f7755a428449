"""Arrays of files as inputs: what was saved comes back, and what is hostile is refused."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest
from drawn import case, file, refusal

from gradcmp.inputs import check, draw
from gradcmp.ops import ArraySpec


def test_files_give_back_what_was_saved(tmp_path):
    x, i, b = np.linspace(0, 1, 6).reshape(2, 3), np.arange(3, dtype=np.uint8), np.array([True])
    np.save(tmp_path / "x.npy", np.asfortranarray(x))
    np.savez(tmp_path / "all.npz", x=x.astype(">f4"), i=i, b=b)
    np.savez_compressed(tmp_path / "one.npz", x=x)
    options = {"round_inputs": False}
    assert np.array_equal(draw(case({"X": file(tmp_path / "x.npy")}, **options))["X"], x)
    assert np.array_equal(draw(case({"X": file(tmp_path / "one.npz")}, **options))["X"], x)
    found = draw(case({k: file(tmp_path / "all.npz", k) for k in "xib"}, **options))
    assert np.array_equal(found["x"], x.astype(np.float32).astype(np.float64))
    assert [found[k].dtype for k in "xib"] == [np.float64, np.int64, np.bool_]
    assert found["i"].tolist() == [0, 1, 2]


def test_shapes_of_files_are_known_from_the_header(tmp_path):
    with (tmp_path / "huge.npy").open("wb") as stream:  # a header alone: there are no numbers
        header = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)}
        np.lib.format.write_array_header_1_0(stream, header)
    spec = file(tmp_path / "huge.npy")
    assert check("X", spec) == ArraySpec((2**40, 2**20))
    assert "of memory, and this machine has" in refusal(spec)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_files_that_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3.0))
    np.save(tmp_path / "complex.npy", np.array([1j]))
    np.save(tmp_path / "text.npy", np.array(["a"]))
    np.save(tmp_path / "object.npy", np.array([Bomb()]), allow_pickle=True)
    np.savez(tmp_path / "two.npz", weights=np.ones(3), bias=np.ones(3))
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "short.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-4])
    (tmp_path / "short.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:-40])
    (tmp_path / "empty.npy").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "foreign.npz", "w") as archive:
        archive.writestr("a.npy", pickle.dumps(Bomb()))
    for name, key, shape, message in (
        ("complex.npy", None, None, "is of complex numbers, and the case computes in float"),
        ("text.npy", None, None, "has dtype <U1, and must contain numbers or booleans"),
        ("object.npy", None, None, "has dtype object, and must contain numbers or booleans"),
        ("pickle.npy", None, None, "is not a complete .npy or .npz file. Save it again."),
        ("short.npy", None, None, "is not a complete .npy or .npz file. Save it again."),
        ("short.npz", "bias", None, "is not a complete .npy or .npz file. Save it again."),
        ("empty.npy", None, None, "is not a complete .npy or .npz file. Save it again."),
        ("foreign.npz", "a", None, "is not a complete .npy or .npz file. Save it again."),
        ("two.npz", None, None, "contains 2 arrays. Choose one with 'key': bias, weights."),
        ("two.npz", "weight", None, "has no array 'weight'. Did you mean 'weights'?"),
        ("x.npy", "weights", None, "contains a single array. Leave 'key' out."),
        ("x.npy", None, (4,), "its shape is (3,), and must be (4,)"),
        (".", None, None, "cannot be read: Is a directory"),
    ):
        text = refusal(file(tmp_path / name, key, shape))
        assert text.startswith("f.yaml:3: input 'X'")
        assert message in text, text
