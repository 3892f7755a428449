"""A table of plain numbers between commas, as ``numpy.savetxt`` writes it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from gradcmp import machine
from gradcmp.errors import RecordingError
from gradcmp.recording import Array

LARGEST = 4  # bytes of memory for each of the file: a digit and a comma become eight
SHOWN = 200  # characters of NumPy's complaint
WAY_OUT = "Write it with numpy.savetxt(file, array, delimiter=','), or save it as .npy"


def read_csv(file: Path) -> Array:
    """Return the numbers of a table, in float64, or complex where some are.

    As with ``numpy.loadtxt``, a table of one row or one column has one axis, a single number none,
    and what follows a ``#`` is a comment.

    Raises
    ------
    RecordingError
        When there is anything else in it, or more than memory has room for.
    """
    there, size = machine.memory(), file.stat().st_size
    if there is not None and LARGEST * size > there // 2:
        raise RecordingError(
            f"its {size} bytes may become {LARGEST * size}, and this machine has {there} of memory",
            way_out="Save it as .npy, which can be mapped into memory",
        )
    try:
        return _numbers(file)
    except (ValueError, OverflowError, MemoryError) as error:
        what = str(error).partition(";")[0].rstrip(".")[:SHOWN]
        raise RecordingError(
            f"it is not a table of plain numbers between commas ({what})", way_out=WAY_OUT
        ) from None


def _numbers(file: Path) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of an empty one NumPy only warns
        try:
            return _load(file, np.float64)
        except UserWarning:
            raise ValueError("there is no number in it") from None
        except ValueError as error:
            try:
                return _load(file, np.complex128)
            except ValueError:
                raise error from None


def _load(file: Path, dtype: type) -> Array:
    found: Array = np.loadtxt(file, dtype, delimiter=",", encoding="utf-8-sig")
    return found
