"""What users of NumPy, torch, JAX and TensorFlow call things: the op that is meant.

A name is taken where it means exactly what the op means, or nothing that an op here would accept.
Where a library means something else by it, its name leads elsewhere: `gradcmp.graph.names`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

METHOD = "x"  # the library of a call such as x.sum(), which might be anybody's

# By what the import line calls it.
LIBRARIES: Mapping[str, str] = {
    **dict.fromkeys(("np", "numpy", "math", "scipy", "special"), "numpy"),
    **dict.fromkeys(("torch", "F"), "torch"),
    **dict.fromkeys(("jax", "jnp", "lax", "nn"), "jax"),  # torch's nn has classes alone
    **dict.fromkeys(("tf", "tensorflow"), "tensorflow"),
}
PARTS = frozenset({"functional", "lax", "linalg", "math", "nn", "numpy", "scipy", "special"})
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "inf": math.inf}

# By what an argument is called elsewhere: what it may be called here, the first that there is.
WORDS: Mapping[str, tuple[str, ...]] = {
    "dim": ("axis", "axes"),
    "dims": ("axes", "axis"),
    "perm": ("axes",),
    "keepdim": ("keepdims",),
    "ddof": ("correction",),
    "a_min": ("min",),
    "a_max": ("max",),
    "input": ("x", "logits"),
    "index": ("indices",),
    "target": ("labels",),
    "kernel_size": ("kernel",),
    "shifts": ("shift",),
    "reps": ("repetitions",),
    "diagonal": ("k", "offset"),
    "attn_mask": ("mask",),
    "is_causal": ("causal",),
}

# By op: whether numbers that follow one another are a shape or axes: x.reshape(2, 3).
PACKED: Mapping[str, str] = {"reshape": "shape", "view": "shape", "permute": "axes"}


def _same(**names: str) -> dict[str, str]:
    return {name: op for op, several in names.items() for name in several.split()}


TAKEN: Mapping[str, str] = {
    **_same(
        abs="absolute fabs",
        negative="neg",
        subtract="sub",
        multiply="mul",
        divide="div true_divide truediv",
        power="pow",
        remainder="mod floormod",
        trunc="fix",
        log="ln",
        asin="arcsin",
        acos="arccos",
        atan="arctan",
        atan2="arctan2",
        asinh="arcsinh",
        acosh="arccosh",
        atanh="arctanh",
        lgamma="gammaln",
        digamma="psi",
        clip="clamp clip_by_value",
    ),
    **_same(
        sigmoid="expit logistic",
        silu="swish",
        log_sigmoid="logsigmoid",
        hard_sigmoid="hardsigmoid",
        hard_swish="hardswish hard_silu",
        hard_tanh="hardtanh",
        softsign="soft_sign",
        stop_gradient="detach",
    ),
    **_same(
        sum="reduce_sum",
        mean="reduce_mean",
        prod="reduce_prod",
        max="amax reduce_max",
        min="amin reduce_min",
        logsumexp="reduce_logsumexp",
        var="reduce_variance",
        std="reduce_std",
        norm="vector_norm",
        cumulative_sum="cumsum",
        cumulative_prod="cumprod",
        max_pool="max_pool1d max_pool2d max_pool3d",
        avg_pool="avg_pool1d avg_pool2d avg_pool3d",
        cumulative_max="cummax",
        logcumsumexp="cumlogsumexp cumulative_logsumexp",
        nan_sum="nansum",
        top_k="topk",
    ),
    **_same(
        flip="reverse",
        repeat="repeat_interleave",
        take_along_axis="take_along_dim",
    ),
    **_same(
        concat="cat concatenate",
        expand_dims="unsqueeze",
        reshape="view",
        transpose="permute permute_dims",
        matmul="mm bmm mv",
        inv="inverse matrix_inverse",
        eigvalsh="self_adjoint_eigvals",
    ),
    "tensorflow.gather": "take",
    "x.t": "transpose",
    "torch.t": "transpose",
}
