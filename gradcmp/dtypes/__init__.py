"""The dtypes that one can compute in, what each is made of, and NumPy's arrays of them."""

from gradcmp.dtypes.formats import AUTOCAST, DTYPES, FORMATS, DType, Format, coarser

__all__ = ["AUTOCAST", "DTYPES", "FORMATS", "DType", "Format", "coarser"]
