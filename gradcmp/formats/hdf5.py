"""HDF5 files and the weights of a .keras file: numbers by their paths, and nothing beside.

Runs in a process of its own. No link is followed and no other file is opened, whatever the file
says; no code of a model is read.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcmp.errors import AbsentError, RecordingError
from gradcmp.formats.kinds import KERAS_MEMBER
from gradcmp.formats.limits import Budget, require_memory
from gradcmp.recording import Array
from gradcmp.recording.arrays import BROKEN

WAY_OUT = "Save the arrays with numpy.savez"
SHOWN = 200  # characters of the library's complaint
NO_PLUGINS = "::"  # as HDF5_PLUGIN_PRELOAD: no library is loaded to decompress


def read_hdf5(file: str) -> dict[str, Array]:
    """Return every array of numbers of an HDF5 file by its path, as in ``layers/dense/vars/0``.

    Texts are left out, and so are datasets without a value.

    Raises
    ------
    AbsentError
        When h5py is not installed.
    RecordingError
        When the file is not whole, or has links, objects, or data in other files.
    """
    return _read(file)


def read_keras(file: str) -> dict[str, Array]:
    """Return the weights of a .keras file by their paths; as `read_hdf5`."""
    try:
        with zipfile.ZipFile(file) as archive:
            member = archive.getinfo(KERAS_MEMBER)
            require_memory(member.file_size)
            weights = archive.read(member)
    except BROKEN as error:
        raise RecordingError(
            f"this is not a complete .keras file ({error})", way_out="Save it again"
        ) from None
    return _read(io.BytesIO(weights))


def _read(file: str | io.BytesIO) -> dict[str, Array]:
    os.environ.setdefault("HDF5_PLUGIN_PRELOAD", NO_PLUGINS)
    try:
        import h5py
    except ImportError:
        raise AbsentError(
            "h5py, which reads HDF5 and Keras files, is not installed",
            way_out="Try: pip install 'gradcmp[h5]'",
        ) from None
    try:
        with h5py.File(file, "r") as opened:
            return dict(_arrays(h5py, opened, "", Budget(), ()))
    except BROKEN as error:
        text = " ".join(str(error).split())[:SHOWN]
        raise RecordingError(f"HDF5 cannot read it ({text})", way_out="Save it again") from None


def _arrays(
    h5py: Any, group: Any, place: str, budget: Budget, above: tuple[Any, ...]
) -> Iterator[tuple[str, Array]]:
    own = h5py.h5o.get_info(group.id).addr
    if own in above:
        raise RecordingError(f"group '{place}' contains itself", way_out=WAY_OUT)
    with budget.deeper(place):
        for name in group:
            path = f"{place}/{name}" if place else name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise RecordingError(
                    f"'{path}' is a link, and links are not followed",
                    way_out="Copy what it leads to into the file, or save it with numpy.savez",
                )
            found = group[name]
            if isinstance(found, h5py.Group):
                yield from _arrays(h5py, found, path, budget, (*above, own))
            elif isinstance(found, h5py.Dataset):
                array = _array(h5py, found, path, budget)
                if array is not None:
                    budget.count(path)
                    yield path, array


def _array(h5py: Any, dataset: Any, path: str, budget: Budget) -> Array | None:
    """Return the numbers of a dataset; None for a text, and for one without a value."""
    dtype = dataset.dtype
    if dataset.external or dataset.is_virtual:
        raise RecordingError(
            f"the numbers of '{path}' are in another file, which is not opened", way_out=WAY_OUT
        )
    if dataset.shape is None or h5py.check_string_dtype(dtype) is not None:
        return None
    if dtype.kind not in "fiubc" or dtype.itemsize > (16 if dtype.kind == "c" else 8):
        what = "objects" if dtype.hasobject else f"numbers of dtype {dtype}"
        raise RecordingError(
            f"'{path}' contains {what}, which are not read",
            way_out="Save numbers whose parts have up to 64 bits, integers or booleans",
        )
    budget.take(path, dtype.itemsize * int(np.prod(dataset.shape, dtype=object)))
    array: Array = np.asarray(dataset[()])
    return array
