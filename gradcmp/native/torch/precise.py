"""Float64 all the way: casts to a lower dtype are left out, and counted.

`.double()` alone does not make a function compute in float64: an RMS norm that says `.float()` has
thrown the digits away. A dispatch mode sees each operation below autograd, forward and backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from gradcmp.native.torch.rules.rule import packets, prims
from gradcmp.native.torch.subject import Tensor

LOW = frozenset((torch.float32, torch.float16, torch.bfloat16))


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
        packet = func.overloadpacket
        self.random |= torch.Tag.nondeterministic_seeded in func.tags
        if packet in FILLS:
            return self._fill(func, args, kwargs)
        if packet in DRAWS:
            return self._draw(func, args, kwargs)
        if packet is prims.convert_element_type and args[1] in LOW:
            return self._kept(args[0])
        return self.apply(func, args, self.kept_dtype(args, kwargs))

    def apply(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation that draws nothing and casts nothing down."""
        return func(*args, **kwargs)

    def kept_dtype(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords with float64 for a lower dtype."""
        if kwargs.get("dtype") not in LOW:
            return kwargs
        self.dropped += 1
        return {**kwargs, "dtype": torch.float64}

    def _kept(self, tensor: Tensor) -> Tensor:
        self.dropped += 1
        return tensor.to(torch.float64, copy=True)

    def _fill(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        target = args[0]
        if target.dtype != torch.float64:
            return func(*args, **kwargs)
        drawn = torch.empty_like(target, dtype=self.draws)
        func(drawn, *args[1:], **kwargs)
        return target.copy_(drawn)

    def _draw(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
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


def _real64(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float64)


class Literals(TorchFunctionMode):  # type: ignore[misc]
    """Tensors made of Python's numbers keep their digits, too."""

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
            kwargs = self._precise.kept_dtype(args, kwargs)
        elif func in self.norms and self._precise.draws in LOW:
            return func(*self._with_eps(*args, **kwargs))
        return func(*args, **kwargs)

    @staticmethod
    def _with_eps(input: Any, shape: Any, weight: Any = None, eps: Any = None) -> tuple[Any, ...]:
        """Return the operands of `rms_norm`, whose eps depends on the dtype where none is given."""
        return input, shape, weight, torch.finfo(torch.float32).eps if eps is None else eps


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
