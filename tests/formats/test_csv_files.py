"""Tables of plain numbers."""

import csv

import numpy as np
import pytest

from gradcmp import machine
from gradcmp.errors import RecordingError
from gradcmp.formats.csv import read_csv

RNG = np.random.default_rng(33)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "gradient.csv"


@pytest.mark.parametrize(
    "array",
    [
        RNG.standard_normal((3, 4)),
        RNG.standard_normal(3),
        np.asarray(0.1),
        np.array([[np.nan, np.inf], [-np.inf, -0.0]]),
        RNG.standard_normal((2, 3)) + 1j * RNG.standard_normal((2, 3)),
        np.array([[1 - 2j, -3j]]),
    ],
    ids=str,
)
def test_numbers_come_as_numpy_wrote_them(file, array):
    np.savetxt(file, np.atleast_1d(array), delimiter=",", header="a comment")
    found = read_csv(file)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, np.squeeze(array))
    np.testing.assert_array_equal(np.signbit(found.real), np.signbit(np.squeeze(array).real))


def test_numbers_come_as_other_programs_write_them(file):
    """Python's own writer, which ends lines as spreadsheets do; and their byte order mark."""
    array = RNG.standard_normal((3, 4))
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(array.tolist())
    np.testing.assert_array_equal(read_csv(file), array, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "1;2\n",
        "1 2\n",
        "1,2\n3\n",
        "1,,2\n",
        "1,2\x00\n",
        "0x10,1\n",
        "'1',2\n",
        "# a comment alone\n",
        "\n\n",
        "\ud800",
        f"1,{'x' * 10_000}\n",
    ],
)
def test_anything_else_is_refused(file, text):
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RecordingError, match="not a table of plain numbers") as caught:
        read_csv(file)
    assert len(str(caught.value)) < 500


def test_what_would_fill_the_memory_is_refused(file, monkeypatch):
    file.write_text("1," * 1000 + "1")
    monkeypatch.setattr(machine, "memory", lambda: 10_000)
    with pytest.raises(RecordingError, match="2001 bytes may become 8004"):
        read_csv(file)
