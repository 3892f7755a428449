"""Attention."""

from __future__ import annotations

import math

import numpy as np

from gradcmp.ops.kinks import MASKED
from gradcmp.ops.nn.native_attention import NATIVE
from gradcmp.ops.primitives import constant, product, total, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, require_float
from gradcmp.ops.spec import (
    Array,
    ArraySpec,
    Booleans,
    Domain,
    Example,
    Kink,
    Op,
    Pullback,
    ShapeError,
)
from gradcmp.ops.static import require_bool, require_number
from gradcmp.ops.tails import precise, softmax_pullback_precisely


def _infer(
    q: ArraySpec,
    k: ArraySpec,
    v: ArraySpec,
    mask: ArraySpec | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> ArraySpec:
    for spec in (q, k, v):
        require_float(spec)
        if len(spec.shape) not in (3, 4) or 0 in spec.shape:
            raise ShapeError(
                f"shape {spec.shape} is not (heads, length, width) or "
                "(batch, heads, length, width), each at least 1"
            )
    require_bool("causal", causal)
    if scale is not None:
        require_number("scale", scale)
    if k.shape[:-1] != v.shape[:-1]:
        raise ShapeError(f"keys {k.shape} and values {v.shape} differ in shape beyond their widths")
    if q.shape[:-3] != k.shape[:-3] or q.shape[-1] != k.shape[-1] or len(q.shape) != len(k.shape):
        raise ShapeError(f"queries {q.shape} and keys {k.shape} differ beyond their lengths")
    if q.shape[-3] % k.shape[-3]:
        raise ShapeError(f"{q.shape[-3]} heads of queries cannot share {k.shape[-3]} of keys")
    if causal and q.shape[-2] != k.shape[-2]:
        # Which query sees which key is then a convention that frameworks do not share.
        raise ShapeError(f"causal with {q.shape[-2]} queries and {k.shape[-2]} keys is ambiguous")
    if mask is not None:
        _require_mask(mask, (*q.shape[:-1], k.shape[-2]), causal)
    return ArraySpec((*q.shape[:-1], v.shape[-1]))


def _require_mask(mask: ArraySpec, scores: tuple[int, ...], causal: bool) -> None:
    if mask.kind == "int":
        raise ShapeError("the mask is of kind 'int', and must be of booleans or real numbers")
    if causal:
        raise ShapeError("a mask is given beside causal, and must say itself which keys are seen")
    if broadcast(mask, ArraySpec(scores)) != scores:
        raise ShapeError(f"the mask {mask.shape} cannot be broadcast to the scores {scores}")


def scaled_dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Array, Pullback]:
    """softmax(q @ k^T * scale + mask) @ v; with `causal` no query sees a later key.

    The scale is 1 / sqrt(width) unless it is given. A mask of booleans says which keys are seen;
    one of real numbers is added. Where there are fewer heads of keys and values than of queries,
    neighbouring heads of queries share one.

    VJP: with weights p = softmax(s): dv = p^T @ dy, dp = dy @ v^T,
    ds = p * (dp - <dy, y>), dq = scale * ds @ k, dk = scale * ds^T @ q, dmask = ds, summed over
    broadcast axes; dk and dv are summed over the heads that share them.
    Convention: a query that sees no key, its mask being False or -inf in a whole row, gets zeros
    and hands none back, as in torch: a sum over nothing. JAX's and Keras's own functions fill in a
    large negative number for False, so that such a query gets the mean of all values; a softmax of
    -inf alone is NaN.
    Ref: Vaswani et al. (2017); Ainslie et al. (2023) for shared heads.
    """
    factor = constant(1 / math.sqrt(np.shape(q)[-1]) if scale is None else scale, q)
    keys, values = _repeated(k, q), _repeated(v, q)
    scores = product(q, np.swapaxes(keys, -1, -2)) * factor
    lengths = np.shape(q)[-2], np.shape(k)[-2]
    seen = np.tri(*lengths, dtype=bool) if causal else np.ones((), bool)
    added = mask is not None and mask.dtype.kind != "b"
    if mask is not None:
        seen = _seen(mask)
        if added:
            scores = scores + np.where(seen, mask, 0)
    # What is not seen must not decide how the others are shifted: it takes its row's smallest.
    kept = np.where(seen, scores, np.min(np.real(scores), axis=-1, keepdims=True))
    e = np.where(seen, np.exp(kept - np.max(np.real(kept), axis=-1, keepdims=True)), 0)
    weight = total(e, -1, keepdims=True)
    if mask is not None:
        weight = np.where(_any(seen, np.shape(scores)), weight, 1)
    p = e / weight
    y = product(p, values)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        # <dy, y> is <dp, p>, as kernels that never hold all of p take it (Dao et al., 2022):
        # two sums of their own, whose rounding errors do not cancel.
        dp = product(dy, np.swapaxes(values, -1, -2))
        ds = precise(
            lambda dp, p, dy, y: p * (dp - total(dy * y, -1, keepdims=True)),
            lambda dp, p, *_: softmax_pullback_precisely(dp, p, -1),
            *(dp, p, dy, y),
        )
        dq = product(factor * ds, keys)
        dk = product(np.swapaxes(factor * ds, -1, -2), q)
        dv = product(np.swapaxes(p, -1, -2), dy)
        given = dq, _summed(dk, k), _summed(dv, v)
        if mask is None:
            return given
        return (*given, unbroadcast(ds, mask) if added else None)

    return y, pullback


def _seen(mask: Array) -> Array:
    """Return which keys a mask leaves: all but those at -inf, where it is of real numbers."""
    if mask.dtype.kind == "b":
        return mask
    return np.logical_or(np.real(mask) > -np.inf, np.isnan(mask))  # a NaN is not to hide


def _any(seen: Array, shape: tuple[int, ...]) -> Array:
    """Return which queries see a key at all."""
    found: Array = np.logical_or.reduce(np.broadcast_to(seen, shape), axis=-1, keepdims=True)
    return found


def _repeated(x: Array, q: Array) -> Array:
    """Repeat heads of keys or values, each beside itself, so that every head of queries has one."""
    shape, heads = np.shape(x), np.shape(q)[-3]
    if shape[-3] == heads:
        return x
    several = (*shape[:-2], heads // shape[-3], *shape[-2:])
    wide = np.broadcast_to(np.expand_dims(x, -3), several, subok=True)
    return np.reshape(wide, (*shape[:-3], heads, *shape[-2:]))


def _summed(dx: Array, x: Array) -> Array:
    """Add up the cotangents of repeated heads: the transpose of `_repeated`."""
    shape, heads = np.shape(x), np.shape(dx)[-3]
    if shape[-3] == heads:
        return dx
    return total(np.reshape(dx, (*shape[:-2], heads // shape[-3], *shape[-2:])), -3)


def _call(
    q: Array,
    k: Array,
    v: Array,
    causal: bool = False,
    mask: Array | None = None,
    scale: float | None = None,
) -> None:
    """Let causal stand fourth, as it did before there were masks."""


SELF = {"q": (2, 4, 3), "k": (2, 4, 3), "v": (2, 4, 3)}
GROUPED = {"q": (2, 4, 3, 2), "k": (2, 2, 5, 2), "v": (2, 2, 5, 3)}
DOMAIN: dict[str, Domain] = {"seen": Booleans()}


def _sees_nothing(*operands: Array | None, **static: object) -> bool:
    mask = operands[3] if len(operands) > 3 else None
    return mask is not None and bool(np.any(~np.any(_seen(mask), axis=-1)))


register(
    Op(
        "scaled_dot_product_attention",
        scaled_dot_product_attention,
        infer=_infer,
        native=NATIVE,
        domain=DOMAIN,
        examples=(
            Example(
                "scaled_dot_product_attention(q, k, v)",
                {"q": (2, 2, 3, 4), "k": (2, 2, 5, 4), "v": (2, 2, 5, 4)},
            ),
            Example("scaled_dot_product_attention(q, k, v, causal=True)", SELF),
            Example(
                "scaled_dot_product_attention(q, k, v, mask=mask, scale=0.3)",
                {**SELF, "mask": (4, 4)},
            ),
            Example(
                "scaled_dot_product_attention(q, k, v, mask=seen)",
                {**GROUPED, "seen": (2, 1, 3, 5)},
            ),
            Example(
                "scaled_dot_product_attention(q, k, v, False, mask)", {**GROUPED, "mask": (5,)}
            ),
            Example(
                "scaled_dot_product_attention(q, k, v, mask=q[0, :, :1] > 9, scale=1)",
                {"q": (1, 3, 2), "k": (1, 2, 2), "v": (1, 2, 1)},
            ),
        ),
        loses_digits=True,
        kinks=(
            Kink(
                "a row fully masked",
                "scaled_dot_product_attention(q, k, v, mask=seen)",
                {
                    "q": (((1.0,),),),
                    "k": (((1.0,), (2.0,)),),
                    "v": (((3.0,), (4.0,)),),
                    "seen": (((False, False),),),
                },
                MASKED,
                _sees_nothing,
            ),
        ),
        call=_call,
    )
)
