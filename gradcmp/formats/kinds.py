"""Which format a file is in: by its first bytes where they tell, else by its suffix."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal, TypeAlias

from gradcmp.errors import RecordingError
from gradcmp.recording.arrays import BROKEN, NPY, ZIP
from gradcmp.recording.arrays import SUFFIX as NPY_MEMBER
from gradcmp.recording.files import SUFFIXES as OWN

Format: TypeAlias = Literal["own", "csv", "torch", "hdf5", "keras"]

BY_SUFFIX: dict[str, Format] = {
    ".pt": "torch",
    ".pth": "torch",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".keras": "keras",
    ".csv": "csv",
}
SUFFIXES = (*OWN, *BY_SUFFIX)
HDF5 = b"\x89HDF\r\n\x1a\n"
HEADER = b"{"  # of safetensors, behind the eight bytes of its length
BEGIN = 9  # bytes
TORCH_MEMBER = "/data.pkl"  # below a folder that torch.save names
KERAS_MEMBER = "model.weights.h5"
_NUMPY = "Save the arrays with numpy.savez"
WAYS_OUT = {  # of what holds arrays, and is not read
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), f"{_NUMPY}: nothing is ever unpickled"),
    ".bin": "If PyTorch wrote it, call it .pt; else save the arrays with numpy.savez",
    ".ckpt": "If PyTorch wrote it, call it .pt; if Keras did, save the weights as .weights.h5",
    **dict.fromkeys(
        (".mat", ".msgpack", ".onnx", ".parquet", ".pb", ".tsv", ".txt", ".xlsx", ".zarr"), _NUMPY
    ),
}


def format_of(file: Path) -> Format:
    """Return the format of a file that is there.

    An archive tells by its members what wrote it, whatever it is called.

    Raises
    ------
    RecordingError
        When it is in no format that is read.
    OSError
        When it cannot be opened.
    """
    suffix = file.suffix.lower()
    with file.open("rb") as stream:
        begin = stream.read(BEGIN)
    if begin.startswith(HDF5):
        return "hdf5"
    if begin[:4] in ZIP:
        return _archived(file) or BY_SUFFIX.get(suffix, "own")
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    if suffix in OWN or begin.startswith(NPY) or begin.endswith(HEADER):
        return "own"
    way_out = WAYS_OUT.get(suffix, _NUMPY)
    raise RecordingError(f"it is in none of the formats {', '.join(SUFFIXES)}", way_out=way_out)


def is_foreign(file: Path) -> bool:
    """Whether it is a file of another program, and is read by a library or as a table."""
    return file.is_file() and file.stat().st_size > 0 and format_of(file) != "own"


def _archived(file: Path) -> Format | None:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except BROKEN:
        return None
    if KERAS_MEMBER in names:
        return "keras"
    if any(name.endswith(TORCH_MEMBER) for name in names):
        return "torch"
    return "own" if any(name.endswith(NPY_MEMBER) for name in names) else None
