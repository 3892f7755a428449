"""Everything that one backend computed for one case, and how it is kept."""

from gradcmp.dtypes.arrays import BFLOAT16, Array, dtype_name, numpy_dtype
from gradcmp.recording.account import Account, Branches, Slope
from gradcmp.recording.asked import case_to_facts
from gradcmp.recording.blob import pack, unpack
from gradcmp.recording.form import SCHEMA, from_bytes, to_bytes
from gradcmp.recording.inputs import missing_inputs, recover_inputs
from gradcmp.recording.origin import COTANGENT, Origin, fingerprint
from gradcmp.recording.records import Failure, FailureKind, Outcome, Recording

__all__ = [
    "BFLOAT16",
    "COTANGENT",
    "SCHEMA",
    "Account",
    "Array",
    "Branches",
    "Failure",
    "FailureKind",
    "Origin",
    "Outcome",
    "Recording",
    "Slope",
    "case_to_facts",
    "dtype_name",
    "fingerprint",
    "from_bytes",
    "missing_inputs",
    "numpy_dtype",
    "pack",
    "recover_inputs",
    "to_bytes",
    "unpack",
]
