"""What ``torch.save`` wrote: tensors and plain numbers, by their place in dicts and lists.

Runs in a process of its own. Nothing is unpickled but tensors and plain containers: the library
itself refuses the rest.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradcmp.errors import AbsentError, RecordingError
from gradcmp.formats.limits import Budget, require_memory
from gradcmp.recording import BFLOAT16, Array
from gradcmp.recording.files import NAMELESS

SAFE = (2, 6)  # before it, weights_only could be talked into running code (CVE-2025-32434)
NUMBERS = (bool, int, float, complex)
NOT_ARRAYS = (str, bytes, type(None))  # beside the weights: names, settings
DTYPES = {
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool"),
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
}
SHOWN = 120  # characters of the library's complaint
GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
WAY_OUT = "Save a dict of tensors with torch.save, or with safetensors.torch.save_file"


def read_torch(file: str) -> dict[str, Array]:
    """Return the tensors and numbers of a .pt file; nested names are dotted, as in a state dict.

    Raises
    ------
    AbsentError
        When PyTorch is not installed, or too old to be trusted.
    RecordingError
        When the file is not whole, or contains anything but weights.
    """
    torch = _torch()
    _refuse_bomb(file)
    try:
        with torch.sparse.check_sparse_tensor_invariants():  # else a wrong index is a crash
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  the library raises whatever a hostile file makes it
        raise _refusal(error) from None
    return dict(_arrays(torch, content))


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise AbsentError(
            "PyTorch, which reads .pt files, is not installed",
            way_out="Try: pip install 'gradcmp[torch]'",
        ) from None
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < SAFE:
        raise AbsentError(
            f"PyTorch {torch.__version__} may run code that is hidden in a .pt file, also where "
            f"only weights are asked for",
            way_out=f"Install torch>={'.'.join(map(str, SAFE))}, or save the tensors with "
            f"safetensors.torch.save_file",
        )
    return torch


def _refuse_bomb(file: str) -> None:
    """Refuse an archive that would unfold to more than memory has room for."""
    try:
        with zipfile.ZipFile(file) as archive:
            require_memory(sum(one.file_size for one in archive.infolist()))
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return  # the older format, which is as large as it says, or nothing that PyTorch reads


def _refusal(error: Exception) -> RecordingError:
    """Return the error for what the library refuses; its own advice would be to unpickle."""
    text = " ".join(str(error).split())
    if found := GLOBAL.search(text):
        fact = f"it contains code or objects ('{found[1]}'), which are never unpickled"
        return RecordingError(fact, way_out=WAY_OUT)
    if isinstance(error, pickle.UnpicklingError):
        fact = "it contains more than tensors and plain numbers, and nothing else is unpickled"
        return RecordingError(fact, way_out=WAY_OUT)
    what = text.partition(". ")[0][:SHOWN] if isinstance(error, RuntimeError) else "foreign bytes"
    return RecordingError(f"this is not a complete .pt file ({what})", way_out="Save it again")


def _arrays(torch: Any, content: Any) -> Iterator[tuple[str, Array]]:
    budget = Budget()
    for name, leaf in _leaves(torch, content, "", budget):
        budget.count(name)
        yield name or NAMELESS, _array(torch, name or NAMELESS, leaf, budget)


def _leaves(torch: Any, content: Any, place: str, budget: Budget) -> Iterator[tuple[str, Any]]:
    """Return tensors and numbers with their places, however deep they lie."""
    if isinstance(content, (torch.Tensor, *NUMBERS)):
        yield place, content
        return
    if isinstance(content, (*NOT_ARRAYS, torch.dtype, torch.device)):
        return
    if isinstance(content, Mapping):
        items = list(content.items())
    elif isinstance(content, (list, tuple)):
        items = list(enumerate(content))
    else:
        raise RecordingError(
            f"'{place or NAMELESS}' is a {type(content).__name__}, not a tensor", way_out=WAY_OUT
        )
    with budget.deeper(place):
        for key, inner in items:
            if not isinstance(key, (str, int)):
                raise RecordingError(f"a name in '{place}' is a {type(key).__name__}, not a text")
            yield from _leaves(torch, inner, f"{place}.{key}" if place else str(key), budget)


def _array(torch: Any, name: str, leaf: Any, budget: Budget) -> Array:
    if isinstance(leaf, NUMBERS):
        array = np.asarray(leaf)
        if array.dtype.hasobject:
            raise RecordingError(f"'{name}' is a whole number of more than 64 bits")
        return array
    dtype = str(leaf.dtype).removeprefix("torch.")
    if dtype not in DTYPES or leaf.is_quantized or leaf.is_nested or leaf.is_meta:
        kind = "without numbers (meta)" if leaf.is_meta else f"of dtype {dtype}"
        raise RecordingError(
            f"'{name}' is a tensor {kind}, which is not read",
            way_out="Save tensor.float(), or numbers of up to 64 bits",
        )
    budget.take(name, leaf.numel() * leaf.element_size())
    whole = leaf.detach()
    if whole.layout != torch.strided:
        whole = whole.to_dense()
    whole = whole.resolve_conj().resolve_neg().contiguous()
    found: Array = (
        whole.view(torch.int16).numpy().view(BFLOAT16) if dtype == "bfloat16" else whole.numpy()
    )
    return found
