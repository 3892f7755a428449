"""What users of NumPy, torch, JAX and TensorFlow call things: the op that is meant, or the way out.

A name is taken where it means exactly what the op means, or nothing that an op here would accept.
Where a library means something else by it, its name leads to what to write instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

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
    "attn_mask": ("mask",),
    "is_causal": ("causal",),
    "kernel_size": ("kernel",),
    "shifts": ("shift",),
    "reps": ("repetitions",),
    "diagonal": ("k", "offset"),
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
        logcumsumexp="cumulative_logsumexp",
        nan_sum="nansum",
        max_pool="max_pool1d max_pool2d max_pool3d",
        avg_pool="avg_pool1d avg_pool2d avg_pool3d",
    ),
    **_same(
        concat="cat concatenate",
        expand_dims="unsqueeze",
        reshape="view",
        transpose="permute permute_dims",
        matmul="mm bmm mv",
        inv="inverse matrix_inverse",
        repeat="repeat_interleave",
        take_along_axis="take_along_dim",
        flip="reverse",
    ),
    "tensorflow.gather": "take",
    "x.t": "transpose",
    "torch.t": "transpose",
}


@dataclass(frozen=True)
class Way:
    """What to write instead of a name.

    Attributes
    ----------
    out : str
        The way out, as an error has it.
    fact : str
        What is wrong with it; empty for a name that is none of an op here.
    given, lacking : str
        For the name of an op: the parameter that makes the difference when it is given, or is
        not.
    """

    out: str
    fact: str = ""
    given: str = ""
    lacking: str = ""


DIVISOR = "divides by n - 1 in torch and by n elsewhere"
NO_PARTS = "Lengths are known before anything runs: write the number"
NO_DTYPE = "Name dtypes and devices beside the graph: dtype: float64, or in a backend's spec"
NO_BACKWARD = "Name the output: its gradients are what is compared"
FLAT = "picks from the flattened array in NumPy and JAX"
LAYOUT = "has the channels last in TensorFlow, and second here"

LEADS: Mapping[str, Way] = {
    "dot": Way("Write x @ y for vectors and matrices, sum(x * y) for one number"),
    "vdot": Way("Write sum(x * y)"),
    "flatten": Way("Write reshape(x, (-1,)), or reshape(x, (n, -1)) to keep the first axis"),
    "ravel": Way("Write reshape(x, (-1,))"),
    "swapaxes": Way("Write transpose(x, (1, 0)) with all axes in their new order"),
    "moveaxis": Way("Write transpose(x, (1, 0)) with all axes in their new order"),
    "mT": Way("Write transpose(x, (0, 2, 1)) with all axes in their new order"),
    "expand": Way("Write broadcast_to(x, (4, 3)) with every length"),
    "expand_as": Way("Write broadcast_to(x, (4, 3)) with every length"),
    "topk": Way("Write top_k(x, k), which gives the values alone"),
    "cummax": Way("Write cumulative_max(x, axis=0), which gives the values alone"),
    "svd": Way("Write svdvals(x), or truncated_svd(x, k), which have no signs to choose"),
    "eigh": Way("Write eigvalsh(x): eigenvectors have signs to choose"),
    "logdet": Way("Write slogdet(x)"),
    "index_select": Way("Write take(x, indices, axis=1)"),
    "getitem": Way("Write x[0, 1:]"),
    "dense": Way("Write linear(x, weight, bias)"),
    "select": Way("Write where(condition, x, y)"),
    "fmax": Way("Write maximum(x, y), which keeps NaN"),
    "fmin": Way("Write minimum(x, y), which keeps NaN"),
    "addmm": Way("Write c + x @ y"),
    "floor_divide": Way("Write floor(x / y)"),
    "logical_and": Way("Write where(p, q, False)"),
    "logical_or": Way("Write where(p, True, q)"),
    "logical_not": Way("Write where(p, False, True)"),
    "masked_fill": Way("Write where(mask, -inf, x) with the number that fills"),
    "nan_to_num": Way("Write where(x == x, x, 0)"),
    "softmax_cross_entropy_with_logits": Way(
        "Write cross_entropy(logits, labels): its labels are classes"
    ),
    "sparse_softmax_cross_entropy_with_logits": Way(
        "Write cross_entropy(logits, labels, reduction='none')"
    ),
    "batch_normalization": Way("Write batch_norm(x, weight, bias)"),
    "fmod": Way("Write remainder(x, y), whose sign is that of y"),
    "shape": Way(NO_PARTS),
    "size": Way(NO_PARTS),
    "ndim": Way(NO_PARTS),
    "numel": Way(NO_PARTS),
    "len": Way(NO_PARTS),
    "dtype": Way(NO_DTYPE),
    "device": Way(NO_DTYPE),
    "astype": Way(NO_DTYPE),
    "cast": Way(NO_DTYPE),
    "to": Way(NO_DTYPE),
    "float": Way(NO_DTYPE),
    "double": Way(NO_DTYPE),
    "half": Way(NO_DTYPE),
    "cuda": Way(NO_DTYPE),
    "cpu": Way(NO_DTYPE),
    "backward": Way(NO_BACKWARD),
    "grad": Way(NO_BACKWARD),
    "clone": Way("Use the name itself: nothing is changed in place"),
    "copy": Way("Use the name itself: nothing is changed in place"),
    "contiguous": Way("Use the name itself: nothing is changed in place"),
    "nan": Way("Fill with a number: a NaN is beside every other result unequal"),
    "arange": Way("Make it an input: I=arange:5"),
    "ones": Way("Write the number 1, or make it an input: I=ones:4x3"),
    "zeros": Way("Write the number 0, or make it an input: I=zeros:4x3"),
    "torch.std": Way("Write std(x, correction=1)", f"std {DIVISOR}", lacking="correction"),
    "torch.var": Way("Write var(x, correction=1)", f"var {DIVISOR}", lacking="correction"),
    "x.std": Way(
        "Write std(x) to divide by n, std(x, correction=1) for n - 1",
        f"std {DIVISOR}",
        lacking="correction",
    ),
    "x.var": Way(
        "Write var(x) to divide by n, var(x, correction=1) for n - 1",
        f"var {DIVISOR}",
        lacking="correction",
    ),
    "torch.max": Way(
        "Write max(x, axis=0)", "max along an axis gives indices as well in torch", given="axis"
    ),
    "torch.min": Way(
        "Write min(x, axis=0)", "min along an axis gives indices as well in torch", given="axis"
    ),
    "torch.softmax": Way(
        "Write softmax(x, axis=-1)", "softmax without an axis guesses it in torch", lacking="axis"
    ),
    "torch.log_softmax": Way(
        "Write log_softmax(x, axis=-1)",
        "log_softmax without an axis guesses it in torch",
        lacking="axis",
    ),
    **{
        f"{library}.take": Way("Write take(x, indices, axis=0)", f"take {FLAT}", lacking="axis")
        for library in ("numpy", "jax", METHOD)
    },
    "torch.take": Way("Write take(x, indices)", "take picks from the flattened array in torch"),
    "torch.transpose": Way(
        "Write transpose(x, (1, 0)) with all axes in their new order",
        "transpose interchanges two axes in torch",
    ),
    "torch.layer_norm": Way(
        "Write layer_norm(x, weight, bias), which normalizes the last axis",
        "layer_norm is given a shape in torch",
    ),
    "torch.batch_norm": Way(
        "Write batch_norm(x, weight, bias)", "batch_norm is given running averages in torch"
    ),
    "jax.gelu": Way(
        "Write gelu(x, approximate='tanh')",
        "gelu is the one with tanh in JAX unless told otherwise",
        lacking="approximate",
    ),
    **{
        f"tensorflow.{op}{n}": Way(f"Write {op}{n if op == 'conv' else ''}(x, …)", f"it {LAYOUT}")
        for op in ("conv", "max_pool", "avg_pool")
        for n in ("1d", "2d", "3d")
    },
    "tensorflow.max_pool": Way("Write max_pool(x, kernel)", f"it {LAYOUT}"),
    "tensorflow.avg_pool": Way("Write avg_pool(x, kernel)", f"it {LAYOUT}"),
    **{
        f"{library}.{op}": Way(f"Write {op}({form})", f"{op} has its axis second in torch")
        for library in ("torch", METHOD)
        for op, form in {
            "gather": "x, indices, axis=1",
            "scatter": "x, indices, src, axis=1",
            "scatter_add": "x, indices, src, axis=1",
            "index_add": "x, indices, src, axis=1",
        }.items()
    },
    "torch.pad": Way("Write pad(x, ((0, 0), (1, 1)))", "pad begins with the last axis in torch"),
    "torch.sort": Way("Write sort(x)", "sort gives indices as well in torch"),
    "torch.median": Way("Write median(x)", "median is the lower of two in torch"),
    "torch.rms_norm": Way("Write rms_norm(x, weight)", "rms_norm is given a shape in torch"),
    "torch.instance_norm": Way(
        "Write instance_norm(x, weight, bias)", "instance_norm is given running averages in torch"
    ),
    "torch.dropout": Way("Write dropout(x, mask, p=0.5)", "dropout draws its mask in torch"),
    "torch.repeat": Way("Write tile(x, (2, 3))", "repeat is tile in torch"),
    "x.repeat": Way(
        "Write tile(x, (2, 3)) or repeat(x, 2, axis=0)", "repeat is tile in torch, not in NumPy"
    ),
}

# Ops of which torch and NumPy mean different things by more numbers: what to write.
TOO_MANY: Mapping[str, str] = {
    "transpose": "Write transpose(x, (1, 0)) with all axes in their new order",
}

# Ops whose second argument others take for something else when it has no name: for what.
NAMED_ONLY: Mapping[str, tuple[str, str]] = {
    "max": ("a second operand", "maximum(x, {})"),
    "min": ("a second operand", "minimum(x, {})"),
    "norm": ("the order", "norm(x, ord={})"),
}
