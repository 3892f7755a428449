"""How frameworks spell resizing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcmp.ops.images.sources import EXACT, LINEAR, NAMES, NEAREST, parts, sources
from gradcmp.ops.images.windows import Size
from gradcmp.ops.static import for_each_axis


def torch_interpolate(
    torch: Any, x: Any, size: Size, mode: str = NEAREST, align_corners: bool = False
) -> Any:
    """Return torch's, which calls linear otherwise for each number of axes."""
    own = mode if mode in (NEAREST, EXACT) else NAMES[len(x.shape)]
    corners = {} if mode in (NEAREST, EXACT) else {"align_corners": align_corners}
    return torch.nn.functional.interpolate(x, size=_sizes(x, size), mode=own, **corners)


def tensorflow_interpolate(
    tf: Any, x: Any, size: Size, mode: str = NEAREST, align_corners: bool = False
) -> Any:
    """Return TensorFlow's, which resizes images alone, and linearly in float32 alone.

    All else is made of what is gathered along each axis.
    """
    sizes = _sizes(x, size)
    whole = mode in (NEAREST, EXACT)
    if len(sizes) == 2 and (whole or x.dtype == tf.float32):
        # Public names of these two are old and say so, or lack a rule.
        resize = tf.raw_ops.ResizeNearestNeighbor if whole else tf.raw_ops.ResizeBilinear
        y = resize(
            images=tf.transpose(x, (0, 2, 3, 1)),
            size=sizes,
            align_corners=align_corners,
            half_pixel_centers=mode == EXACT if whole else not align_corners,
        )
        return tf.transpose(y, (0, 3, 1, 2))
    y = x
    for axis, m in enumerate(sizes, 2):
        n = x.shape[axis]
        places = sources(n, m, mode, align_corners)
        low = np.floor(places).astype(int)
        first = tf.gather(y, tuple(low.tolist()), axis=axis)
        if whole:
            y = first
            continue
        second = tf.gather(y, tuple(np.minimum(low + 1, n - 1).tolist()), axis=axis)
        shares = tf.constant(tuple((places - low).tolist()), dtype=x.dtype)
        share = tf.reshape(shares, (m,) + (1,) * (len(x.shape) - axis - 1))
        y = first + (second - first) * share
    return y


def jax_interpolate(
    jax: Any, x: Any, size: Size, mode: str = NEAREST, align_corners: bool = False
) -> Any:
    """Return JAX's; torch's nearest are taken, and corners come to lie where scales put them."""
    sizes, lengths = _sizes(x, size), tuple(x.shape[2:])
    shape = (*x.shape[:2], *sizes)
    if mode == NEAREST:
        y = x
        for axis, (n, m) in enumerate(zip(lengths, sizes, strict=True), 2):
            index = sources(n, m, mode, False).astype(int).tolist()
            y = jax.numpy.take(y, jax.numpy.array(index), axis=axis)
        return y
    if mode == EXACT or not align_corners:
        method = NEAREST if mode == EXACT else LINEAR
        return jax.image.resize(x, shape, method, antialias=False)
    scales = [
        (m - 1) / (n - 1) if n > 1 and m > 1 else float(m)
        for n, m in zip(lengths, sizes, strict=True)
    ]
    moves = [
        (1 - scale) / 2 if n > 1 and m > 1 else 0.0
        for scale, n, m in zip(scales, lengths, sizes, strict=True)
    ]
    return jax.image.scale_and_translate(
        x,
        shape,
        tuple(range(2, len(shape))),
        jax.numpy.array(scales),
        jax.numpy.array(moves),
        LINEAR,
        antialias=False,
    )


def torch_adaptive(torch: Any, x: Any, size: Size) -> Any:
    """Return torch's, by the number of axes."""
    pool = getattr(torch.nn.functional, f"adaptive_avg_pool{len(x.shape) - 2}d")
    return pool(x, _sizes(x, size))


def tensorflow_adaptive(tf: Any, x: Any, size: Size) -> Any:
    """Return means of parts: TensorFlow has no such pool."""
    return _means(x, size, lambda y, axis: tf.reduce_mean(y, axis=axis, keepdims=True), tf.concat)


def jax_adaptive(jax: Any, x: Any, size: Size) -> Any:
    """Return means of parts: JAX has no such pool."""
    return _means(
        x,
        size,
        lambda y, axis: jax.numpy.mean(y, axis=axis, keepdims=True),
        jax.numpy.concatenate,
    )


def _means(x: Any, size: Size, mean: Callable[[Any, int], Any], join: Callable[..., Any]) -> Any:
    y = x
    for axis, m in enumerate(_sizes(x, size), 2):
        before = (slice(None),) * axis
        y = join(
            [mean(y[(*before, slice(*part))], axis) for part in parts(x.shape[axis], m)], axis=axis
        )
    return y


def _sizes(x: Any, size: Size) -> tuple[int, ...]:
    return for_each_axis("size", size, len(x.shape) - 2, 1)
