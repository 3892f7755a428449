"""The dtypes that one can compute in, what each is made of, and NumPy's arrays of them."""

from gradcmp.dtypes.formats import (
    AUTOCAST,
    COMPLEX,
    DTYPES,
    FORMATS,
    REAL_PARTS,
    DType,
    Format,
    coarser,
    finest,
    part_of,
)

__all__ = [
    "AUTOCAST",
    "COMPLEX",
    "DTYPES",
    "FORMATS",
    "REAL_PARTS",
    "DType",
    "Format",
    "coarser",
    "finest",
    "part_of",
]
