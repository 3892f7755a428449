"""Rounding errors in torch's own stream of operations, forward and backward.

A dispatch mode sees each operation below autograd: what a layer, a custom `autograd.Function`, a
hook or a checkpoint computes, and what the backward pass does. Each runs in float64 and gets the
rounding error that the dtype under test would have made there. What an operation is not made of
itself is looked up in this order:

1. a rule of its own (sums, branches, solvers, attention),
2. exact, or a view: no error,
3. computed element by element: kappa,
4. in place: as the operation that returns its result,
5. a composite one: whole in bfloat16, where kernels round once, and decomposed elsewhere,
6. unknown: it errs as its own float32 kernel does, and is named in the outcome.

Errors are computed while the mode is off: seen by it, they would get errors of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._decomp import decomposition_table

from gradcmp.native.noisy.branches import Branches
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.torch.jostling import Exact
from gradcmp.native.torch.precise import Precise
from gradcmp.native.torch.rounding import Rounding
from gradcmp.native.torch.rules import (
    choosing,
    composite,
    elementwise,
    fourier,
    scattering,
    solving,
    steps,
    sums,
)
from gradcmp.native.torch.rules.rule import Rule, is_real, packets, table
from gradcmp.native.torch.rules.unknown import erring_as_float32
from gradcmp.native.torch.subject import Tensor

RULES: dict[Any, Rule] = {
    **elementwise.RULES,
    **sums.RULES,
    **scattering.RULES,
    **fourier.RULES,
    **choosing.RULES,
    **steps.RULES,
    **composite.RULES,
    **solving.RULES,
}
# Composite operations that kernels of few digits compute in float32 inside, and round at the end.
WHOLE = dict.fromkeys(
    packets(
        "native_layer_norm native_layer_norm_backward native_batch_norm "
        "native_batch_norm_backward _native_batch_norm_legit _batch_norm_with_update "
        "batch_norm_backward native_group_norm native_group_norm_backward _fused_rms_norm "
        "_fused_rms_norm_backward _softmax _softmax_backward_data _safe_softmax _log_softmax "
        "_log_softmax_backward_data gelu gelu_backward silu silu_backward mish mish_backward "
        "sigmoid_backward tanh_backward softplus softplus_backward log_sigmoid_forward "
        "log_sigmoid_backward elu elu_backward glu glu_backward hardswish hardswish_backward var "
        "var_mean std std_mean nll_loss_forward nll_loss2d_forward addcmul addcdiv lerp mse_loss "
        "mse_loss_backward binary_cross_entropy binary_cross_entropy_backward huber_loss "
        "huber_loss_backward smooth_l1_loss smooth_l1_loss_backward"
    ),
    elementwise.approximate(1.0),
) | table({"native_layer_norm_backward": sums.affine_gradients})
SEALED = frozenset(packets("grid_sampler_2d grid_sampler_3d"))  # decomposed, they index by floors
DEEPEST = 12  # a decomposition that leads back to itself ends here


class Noise(Precise):
    """Gives each operation the rounding error of a dtype.

    Attributes
    ----------
    rounding : Rounding
        What the errors are.
    branches : Branches
        Which branches are taken.
    whole : bool
        Whether composite operations round once, at their end.
    unruled : dict of str to int
        Operations without a rule, and how often they were met.

    Parameters
    ----------
    ledger : Ledger, optional
        Where a run without noise writes down the squares that errors of sums follow from, or what
        it has written.
    """

    def __init__(
        self,
        rounding: Rounding,
        branches: Branches,
        draws: Any,
        whole: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(draws)
        self.rounding = rounding
        self.branches = branches
        self.whole = whole
        self.unruled: dict[str, int] = {}
        self._depth = 0
        self._ledger = ledger or Ledger()

    @property
    def exact(self) -> bool:
        """Whether there are no errors at all."""
        return isinstance(self.rounding, Exact)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Return a context in which each operation has its error."""
        self._depth += 1
        try:
            with self:
                yield
        finally:
            self._depth -= 1

    @property
    def is_deep(self) -> bool:
        """Whether decompositions have led nowhere for long."""
        return self._depth >= DEEPEST

    def once(self, func: Any, y: Tensor, compute: Callable[[], Any]) -> Any:
        """Return what is the same in all runs but for their noise, from the one without."""
        return self._ledger.once((func, tuple(y.shape)), compute)

    def name_unruled(self, name: str) -> None:
        """Take note of an operation that has no rule."""
        self.unruled[name] = self.unruled.get(name, 0) + 1

    def apply(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation, and give its result the error that it has."""
        rule = _FOUND.get(func)
        if rule is None:
            rule = _FOUND[func] = rule_of(func)
        return rule(self, func, args, kwargs)


_FOUND: dict[Any, Rule] = {}


def rule_of(func: Any) -> Rule:
    """Return the rule of an operation, whichever way it has one."""
    packet = func.overloadpacket
    if packet in RULES:
        return _written(func) if func._schema.is_mutable else RULES[packet]
    if func.is_view:
        return elementwise.exact
    functional = _functional(func)
    if functional is not None:
        return elementwise.exact if functional.is_view else _in_place(functional)
    if packet in SEALED:
        return erring_as_float32
    if func in decomposition_table:
        return _composite(decomposition_table[func])
    if func._can_decompose():
        return _composite(func.decompose)
    return erring_as_float32


def _functional(func: Any) -> Any:
    """Return the operation that returns what `func` writes into its first operand, if any."""
    packet = func.overloadpacket
    name, home = packet.__name__, getattr(torch.ops, func.namespace)
    if not name.endswith("_") or not func._schema.is_mutable:
        return None
    other = getattr(home, name[:-1], None)
    overloads = [] if other is None else [getattr(other, one) for one in other.overloads()]
    same = [one for one in overloads if _operands(one) == _operands(func)]
    return same[0] if same else None


def _operands(func: Any) -> list[tuple[str, str]]:
    return [(one.name, str(one.type)) for one in func._schema.arguments]


def _in_place(functional: Any) -> Rule:
    def rule(context: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if functional.overloadpacket in elementwise.EXACT:
            return func(*args, **kwargs)
        return args[0].copy_(context.apply(functional, args, kwargs))

    return rule


def _written(func: Any) -> Rule:
    """Return the rule of what writes into ``out=``: as the operation that returns its result."""
    packet, taken = func.overloadpacket, [one for one in _operands(func) if one[0] != "out"]
    overloads = [getattr(packet, one) for one in packet.overloads()]
    same = [one for one in overloads if _operands(one) == taken and not one._schema.is_mutable]
    if not same:
        return elementwise.exact if packet in elementwise.EXACT else erring_as_float32

    def written(context: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rest = {name: one for name, one in kwargs.items() if name != "out"}
        return kwargs["out"].copy_(context.apply(same[0], args, rest))

    return written


def _composite(parts: Any) -> Rule:
    def rule(context: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not _has_noise(args):
            return func(*args, **kwargs)
        if context.whole and func.overloadpacket in WHOLE:
            return WHOLE[func.overloadpacket](context, func, args, kwargs)
        if context.is_deep:
            return erring_as_float32(context, func, args, kwargs)
        with context.inside():
            return parts(*args, **kwargs)

    return rule


def _has_noise(args: tuple[Any, ...]) -> bool:
    """Whether a tensor among the operands carries noise."""
    return any(
        is_real(one)
        or (isinstance(one, list | tuple) and _has_noise(tuple(one)))
        or (isinstance(one, torch.Tensor) and one.is_complex())
        for one in args
    )
