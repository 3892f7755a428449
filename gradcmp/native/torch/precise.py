"""Float64 all the way: casts to a lower dtype are left out, and counted.

`.double()` alone does not make a function compute in float64: an RMS norm that says `.float()` has
thrown the digits away. A dispatch mode sees each operation below autograd, forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from gradcmp.native.torch.rules.rule import aten, packets, prims
from gradcmp.native.torch.subject import Tensor

# What a lower dtype is computed in instead.
FULL = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
LOW = FULL.keys()


# What draws numbers into an array that it is given, and what makes one.
FILLS = frozenset(
    packets(
        "bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ random_ uniform_ "
        "rrelu_with_noise_"
    )
)
DRAWS = frozenset(packets("rand randn rand_like randn_like"))


class Precise(TorchDispatchMode):  # type: ignore[misc]
    """Keeps the digits of float64; what is drawn at random is what the tested dtype would draw.

    Attributes
    ----------
    draws : torch.dtype
        In which random numbers are drawn: other dtypes draw other ones from the same seed.
    dropped : int
        Casts that were left out.
    random : bool
        Whether random numbers were drawn.
    """

    def __init__(self, draws: Any = torch.float32) -> None:
        super().__init__()
        self.draws = draws
        self.dropped = 0
        self.random = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunction():
            return self.compute(func, args, kwargs or {})

    def compute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation, in float64 where it asks for less."""
        kind = _KINDS.get(func) or _kind_of(func)
        if kwargs:
            kwargs = self.kept_dtype(kwargs) if kind.kept else kwargs
        self.random |= kind.random
        if kind.own is not None:
            return kind.own(self, func, args, kwargs)
        return self.apply(func, args, kwargs)

    def apply(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation that draws nothing and casts nothing down."""
        return func(*args, **kwargs)

    def kept_dtype(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords with float64 for a lower dtype."""
        if kwargs.get("dtype") not in LOW:
            return kwargs
        self.dropped += 1
        return {**kwargs, "dtype": FULL[kwargs["dtype"]]}

    def convert(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a cast that is the operation itself."""
        if args[1] not in LOW:
            return func(*args, **kwargs)
        self.dropped += 1
        return args[0].to(FULL[args[1]], copy=True)

    def fill(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Draw in the tested dtype what an array is filled with."""
        target = args[0]
        if target.dtype != torch.float64:
            return func(*args, **kwargs)
        drawn = torch.empty_like(target, dtype=self.draws)
        func(drawn, *args[1:], **kwargs)
        return target.copy_(drawn)

    def draw_about(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Draw in the tested dtype about means that are given."""
        low = [one.to(self.draws) if _is_full(one) else one for one in args]
        return _real64(func(*low, **kwargs))

    def draw(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Draw in the dtype that the tested run would: its default where none is named."""
        dtype = kwargs.get("dtype")
        alike = isinstance(args[0], torch.Tensor) and args[0].dtype == torch.float64
        if dtype is None and not alike:
            return _real64(func(*args, **{**kwargs, "dtype": torch.float32}))
        if dtype in LOW:
            return _real64(func(*args, **kwargs))
        if dtype == torch.float64 or dtype is None:
            return _real64(func(*args, **{**kwargs, "dtype": self.draws}))
        return func(*args, **kwargs)


@dataclass(frozen=True)
class Kind:
    """What `Precise` does with an operation: looked up once for each."""

    random: bool
    own: Callable[..., Any] | None
    kept: bool  # whether its keyword `dtype` is float64 where it is a lower one


_KINDS: dict[Any, Kind] = {}


def _kind_of(func: Any) -> Kind:
    packet, own = func.overloadpacket, None
    if packet in FILLS:
        own = Precise.fill
    elif packet is aten.normal and isinstance(func._schema.arguments[0].type, torch.TensorType):
        own = Precise.draw_about
    elif packet in DRAWS:
        own = Precise.draw
    elif packet is prims.convert_element_type:
        own = Precise.convert
    random = torch.Tag.nondeterministic_seeded in func.tags
    _KINDS[func] = Kind(random, own, kept=packet not in DRAWS)
    return _KINDS[func]


def _is_full(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.float64


def _real64(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float64)


class Literals(TorchFunctionMode):  # type: ignore[misc]
    """Tensors made of Python's numbers keep their digits, too, and what was made before is widened.

    A matrix product refuses an input of float64 beside a weight in float32 that the function closes
    over, where most operations promote it.
    """

    makers = frozenset((torch.tensor, torch.as_tensor, torch.asarray))
    norms = frozenset(getattr(home, "rms_norm", None) for home in (torch, torch.nn.functional)) - {
        None
    }

    def __init__(self, precise: Precise) -> None:
        super().__init__()
        self._precise = precise

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self.makers:
            kwargs = self._precise.kept_dtype(kwargs)
        elif func in self.norms and self._precise.draws in LOW:
            return func(*self._with_eps(*args, **kwargs))
        try:
            return func(*args, **kwargs)
        except RuntimeError:
            if _writes(func, kwargs) or not _are_mixed(args, kwargs):
                raise
            args, kwargs = tree_map(_widened, (args, kwargs))
            return func(*args, **kwargs)

    @staticmethod
    def _with_eps(input: Any, shape: Any, weight: Any = None, eps: Any = None) -> tuple[Any, ...]:
        """Return the operands of `rms_norm`, whose eps depends on the dtype where none is given."""
        return input, shape, weight, torch.finfo(torch.float32).eps if eps is None else eps


def _writes(func: Any, kwargs: dict[str, Any]) -> bool:
    """Whether an operation changes an array that it is given: a wider copy would be no such."""
    name = getattr(func, "__name__", "")
    plain = name.endswith("_") and not name.endswith("__")
    return plain or name.startswith(("__i", "__set")) or "out" in kwargs


def _are_mixed(*given: Any) -> bool:
    """Whether some tensors are of float64, and some of a lower dtype."""
    found = {one.dtype for one in tree_leaves(given) if isinstance(one, torch.Tensor)}
    return torch.float64 in found and not LOW.isdisjoint(found)


def _widened(value: Any) -> Any:
    is_low = isinstance(value, torch.Tensor) and value.dtype in LOW
    return value.to(FULL[value.dtype]) if is_low else value


@contextmanager
def float64_throughout(mode: Precise, alone: bool = False) -> Iterator[None]:
    """Run in a mode with float64 as the dtype of all that names none.

    Parameters
    ----------
    alone : bool
        Whether one thread is to compute: of small arrays several wait for each other, mostly.
    """
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    if alone:
        torch.set_num_threads(1)
    try:
        with Literals(mode), mode:
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
