"""Operations that compute element by element, and those that are exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gradcmp.judge.noise.rules.arithmetic import KAPPA
from gradcmp.native.torch.rules.rule import Context, Rule, aten, is_real, packets, prims, table
from gradcmp.native.torch.subject import Tensor
from gradcmp.ops import OPS
from gradcmp.ops.erf import erf_value

# How far libraries stray, in units of u: as NumPy's function of the same kind, which the
# reference of graphs is made of.
ALIKE = {
    np.add: "add sub rsub",
    np.multiply: "mul",
    np.divide: "div true_divide",
    np.reciprocal: "reciprocal",
    np.square: "square",
    np.sqrt: "sqrt",
    np.exp: "exp exp2",
    np.log: "log log2 log10",
    np.sin: "sin",
    np.cos: "cos",
    np.log1p: "log1p",
    np.expm1: "expm1",
    np.power: "float_power",
    np.tanh: "tanh tan sinh cosh asinh acosh atanh",
    erf_value: "erf erfc erf_inv erfinv lgamma digamma polygamma erfcx special_erfcx i0 i0e "
    "bessel_i0 bessel_i0e bessel_i1 bessel_i1e special_i0e special_i1 special_i1e ndtri "
    "special_ndtri igamma igammac zeta special_zeta",
}
OWN = {"rsqrt": 3.0, "sigmoid": 8.0, "angle asin acos atan atan2 hypot cbrt": 8.0}
# Of powers with a number: products, roots and quotients.
POWERS = {0: 0.0, 1: 0.0, 2: 1.0, 3: 2.0, 4: 2.0, 0.5: 2.0, -0.5: 3.0, -1: 1.0, -2: 2.0}

EXACT = frozenset(
    packets(
        "_conj _conj_physical _efficientzerotensor _local_scalar_dense _reshape_alias "
        "_to_dense _unsafe_index _unsafe_view abs "
        "alias all amax amin aminmax any arange as_strided bitwise_and bitwise_not bitwise_or "
        "bitwise_xor cat channel_shuffle chunk clamp clamp_max clamp_min clone "
        "complex conj_physical constant_pad_nd contiguous copy copysign count_nonzero detach diag "
        "diag_embed diagonal diagonal_backward diagonal_copy diagonal_scatter embedding empty "
        "empty_like empty_permuted empty_strided equal expand expand_copy eye fill fix flip "
        "fmax fmin full full_like gather hardshrink_backward im2col imag index "
        "index_copy index_fill index_select is_nonzero is_same_size isfinite isin isinf isnan "
        "isneginf isposinf item lift lift_fresh lift_fresh_copy logical_and logical_not "
        "logical_or logical_xor lu_unpack masked_fill masked_scatter masked_select "
        "max_unpool2d "
        "max_unpool3d maximum minimum nan_to_num narrow_copy neg new_empty new_empty_strided "
        "new_full new_ones new_zeros nonzero nonzero_static one_hot ones ones_like permute_copy "
        "pixel_shuffle pixel_unshuffle put real reflection_pad1d reflection_pad2d "
        "reflection_pad3d repeat repeat_interleave replication_pad1d replication_pad2d "
        "replication_pad3d reshape resize resize_as roll rot90 scalar_tensor scatter "
        "select_backward select_scatter set_ slice_backward slice_scatter "
        "softshrink_backward split split_with_sizes squeeze_copy stack t_copy take "
        "threshold_backward tril tril_indices triu triu_indices unbind_copy unfold "
        "unfold_copy unsafe_split unsafe_split_with_sizes unsqueeze_copy upsample_nearest1d "
        "upsample_nearest2d upsample_nearest3d value_selecting_reduction_backward view_as_complex "
        "view_as_real view_copy where zero zeros zeros_like"
    )
    + packets(
        "abs amax amin as_strided as_strided_scatter bitwise_and bitwise_not bitwise_or "
        "bitwise_xor broadcast_in_dim cat clone collapse collapse_view conj conj_physical "
        "copy_strided copy_to device_put empty empty_permuted empty_strided "
        "fill fmax fmin full full_like imag iota isfinite item maximum maximum_value "
        "minimum minimum_value neg real reshape resize rev scalar_tensor signbit "
        "split_dim squeeze transpose view_of view_of_dtype where",
        prims,
    )
)
LINSPACE = "linspace logspace"


def approximate(kappa: float) -> Rule:
    """Return the rule of what is computed element by element; a product with a mask is exact."""

    def rule(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        operands = [one for one in args[:2] if isinstance(one, torch.Tensor)]
        exact = len(operands) == 2 and any(one.dtype == torch.bool for one in operands)
        y = func(*args, **kwargs)
        if exact:
            return y
        return jittered(context, y, kappa, product=_is_product(func, operands))

    return rule


def jittered(context: Context, y: Any, kappa: float, product: bool = False) -> Any:
    """Return what was computed, with its error; of complex numbers each part has one."""
    if is_real(y):
        return context.rounding.jitter(y, kappa, product)
    if isinstance(y, torch.Tensor) and y.dtype == torch.complex128:
        parts = torch.view_as_real(y.resolve_conj())
        return torch.view_as_complex(context.rounding.jitter(parts, kappa).contiguous())
    if isinstance(y, tuple | list):
        return type(y)(jittered(context, one, kappa) for one in y)
    return y


PRODUCTS = frozenset(packets("mul div true_divide") + packets("mul div", prims))


def _is_product(func: Any, operands: list[Tensor]) -> bool:
    return len(operands) == 2 and func.overloadpacket in PRODUCTS


def _power(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    exponent = args[1]
    usual = KAPPA[np.power]
    kappa = usual if isinstance(exponent, torch.Tensor) else POWERS.get(exponent, usual)
    return jittered(context, func(*args, **kwargs), kappa)


def _product(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A product of n numbers: n errors, of either sign."""
    y = func(*args, **kwargs)
    terms = args[0].numel() / max(y.numel(), 1) if isinstance(y, torch.Tensor) else 1
    return jittered(context, y, max(terms, 1.0) ** 0.5)


def exact(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run it: numbers are moved, negated or chosen, and none is rounded."""
    return func(*args, **kwargs)


def _kappa(primitive: Any) -> float:
    known = KAPPA.get(primitive, OPS.noise(primitive))
    assert known is not None
    return known


def _rules(of: Any) -> dict[Any, Rule]:
    alike = {names: approximate(_kappa(one)) for one, names in ALIKE.items()}
    own = {names: approximate(kappa) for names, kappa in OWN.items()}
    return table({**alike, **own, "pow": _power, "prod cumprod": _product}, of)


RULES: dict[Any, Rule] = {
    **dict.fromkeys(EXACT, exact),
    **table({LINSPACE: approximate(1.0), "native_dropout": approximate(1.0)}),
    **_rules(aten),
    **_rules(prims),
}
