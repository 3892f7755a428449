"""Which op a name stands for, whoever calls it so; where it means another thing, the way out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gradcmp.errors import GraphError, did_you_mean
from gradcmp.graph.aliases import METHOD, TAKEN
from gradcmp.ops import OPS, Op

SEE = "See them with: gradcmp ops"


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
SECOND = "has the axis second in torch"
SINGULAR = (
    "Write svdvals(x) for the singular values, or truncated_svd(x, k) for U @ diag(s) @ Vᵀ of the "
    "k largest: the vectors alone have signs to choose"
)
EIGEN = (
    "Write eigvalsh(x) for the eigenvalues, or spectral_projector(x, k) for V @ Vᵀ of the k "
    "largest: eigenvectors alone have signs to choose"
)
GENERAL = (
    "Eigenvalues of a matrix that is not symmetric are complex: write eigvalsh(x) for a symmetric "
    "one, svdvals(x) for singular values"
)
PUT = ("scatter", "scatter_add", "index_add")
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
    **dict.fromkeys(("svd", "svd_lowrank", "svds"), Way(SINGULAR)),
    **dict.fromkeys(("eigh", "symeig", "self_adjoint_eig", "eigh_tridiagonal"), Way(EIGEN)),
    **dict.fromkeys(("eig", "eigvals"), Way(GENERAL)),
    "pca_lowrank": Way("Write truncated_svd(x - mean(x, axis=0), k), which has no signs to choose"),
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
        "Write cross_entropy(logits, labels, reduction='none'), the classes along axis 1"
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
        f"numpy.{op}": Way(
            f"Write {op}(x, axis=-1)",
            f"{op} without an axis is that of all elements in SciPy",
            lacking="axis",
        )
        for op in ("softmax", "log_softmax")
    },
    "tensorflow.leaky_relu": Way(
        "Write leaky_relu(x, negative_slope=0.2)",
        "leaky_relu has a slope of 0.2 in TensorFlow unless told otherwise",
        lacking="negative_slope",
    ),
    "jax.clamp": Way("Write clip(x, min, max)", "clamp is given a bound first in JAX"),
    **{
        f"{library}.take_along_dim": Way(
            "Write take_along_axis(x, indices, axis=-1)",
            "take_along_dim without an axis picks from the flattened array in torch",
            lacking="axis",
        )
        for library in ("torch", METHOD)
    },
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
        "Write batch_norm(x, weight, bias), and in inference running_mean= and running_var=",
        "batch_norm is given running averages first in torch",
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
    "torch.sort": Way("Write sort(x)", "sort gives indices as well in torch"),
    "torch.rms_norm": Way("Write rms_norm(x, weight)", "rms_norm is given a shape in torch"),
    "torch.instance_norm": Way(
        "Write instance_norm(x, weight, bias)", "instance_norm is given running averages in torch"
    ),
    "torch.dropout": Way("Write dropout(x, mask, p=0.5)", "dropout draws its mask in torch"),
    "torch.repeat": Way("Write tile(x, (2, 3))", "repeat is tile in torch"),
    "x.repeat": Way(
        "Write tile(x, (2, 3)) or repeat(x, 2, axis=0)", "repeat is tile in torch, not in NumPy"
    ),
    **{
        f"{library}.{op}": Way(f"Write {op}(x, indices{more}, axis=1)", f"{op} {SECOND}")
        for library in ("torch", METHOD)
        for op, more in {"gather": ""}.items() | dict.fromkeys(PUT, ", src").items()
    },
    "torch.index_put": Way(
        "Write index_put(x, values, i, j)", "index_put has the indices before the values in torch"
    ),
    "torch.pad": Way(
        "Write pad(x, ((0, 0), (1, 2))) with the axes in their order",
        "pad has the last axis first in torch",
    ),
    "torch.split": Way(
        "Write split(x, parts, index), where a number is of parts",
        "split is told the length of a part in torch",
    ),
    **{
        f"{library}.split": Way(
            "Write split(x, parts, index, axis=0), where a tuple has the parts' lengths",
            "split gives all parts at once, and a graph has a node for each",
        )
        for library in ("numpy", "jax", "tensorflow", METHOD)
    },
    **{
        f"{library}.median": Way(
            "Write median(x), the mean of the two in the middle of an even number",
            "median is the lower of the two in torch",
        )
        for library in ("torch", METHOD)  # no array of NumPy has such a method
    },
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


def resolve(name: str, library: str = "") -> Op:
    """Return the op that a library, or nobody in particular, calls by a name.

    Raises
    ------
    GraphError
        With the way out, where there is none.
    """
    special = f"{library}.{name}"
    taken = TAKEN.get(special) or (name if name in OPS else TAKEN.get(name, ""))
    way = LEADS.get(special)
    if way and not way.given and not way.lacking:
        raise GraphError(way.fact, way_out=way.out)
    if taken in OPS and taken != "getitem":
        return OPS[taken]
    raise GraphError(
        ", and ".join([f"there is no op '{name}'", *OPS.broken]), way_out=way_out(name)
    )


def way_out(name: str) -> str:
    """Return what to write instead of a name that is none of an op."""
    if name in LEADS:
        return LEADS[name].out
    if name in TAKEN:
        return f"Did you mean '{TAKEN[name]}'?" if TAKEN[name] in OPS else SEE
    aliases = [alias for alias, op in TAKEN.items() if op in OPS and "." not in alias]
    near = did_you_mean(name, [*OPS, *aliases]) or SEE
    for alias in aliases:
        near = near.replace(f"'{alias}'", f"'{TAKEN[alias]}'")
    return near


def require_same(name: str, library: str, given: Collection[str]) -> None:
    """Refuse a call that means something else in the library that it names.

    Parameters
    ----------
    given : collection of str
        The parameters that have an argument.

    Raises
    ------
    GraphError
    """
    way = LEADS.get(f"{library}.{name}")
    if way and ((way.given and way.given in given) or (way.lacking and way.lacking not in given)):
        raise GraphError(way.fact, way_out=way.out)
