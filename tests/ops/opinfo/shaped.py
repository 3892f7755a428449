"""Ops with axes, shapes and indices: how torch's arguments become ours."""

from __future__ import annotations

from functools import partial

from samples import Entry, Unlike, call


def along(op):
    """`f(x, dim, dtype=None)`."""

    def ours(x, dim, dtype=None):
        return call(op, x, axis=dim)

    return ours


def running(op):
    def ours(x, dim, dtype=None):
        if not x.dim():
            raise Unlike("an array without axes has none to run along")
        return call(op, x, axis=dim)

    return ours


def _axes(x, dim):
    if not x.dim() and dim is not None:
        raise Unlike("an array without axes has no axis 0")
    return None if dim is None or dim == [] or dim == () else dim


def reduced(op):
    """`f(x, dim=None, keepdim=False)`."""

    def ours(x, dim=None, keepdim=False, dtype=None):
        return call(op, x, axis=_axes(x, dim), keepdims=keepdim)

    return ours


def deviation(op):
    def ours(x, dim=None, unbiased=True, keepdim=False, correction=None):
        if isinstance(dim, bool):  # var(x, unbiased)
            dim, unbiased = None, dim
        ddof = correction if correction is not None else int(unbiased)
        return call(op, x, axis=_axes(x, dim), correction=ddof, keepdims=keepdim)

    return ours


def first(out):
    return out[0]


def power_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    if ord not in (1, 2, 3):
        raise Unlike(f"the order {ord}")
    if not isinstance(dim, (int, type(None))) and len(dim) != 1:
        raise Unlike("several axes")
    dim = dim if isinstance(dim, (int, type(None))) else dim[0]
    if dim is None and x.dim() != 1:
        x = x.flatten()
        if keepdim:
            raise Unlike("all axes, kept")
    return call("norm", x, axis=dim, keepdims=keepdim, ord=ord)


def clip(x, min=None, max=None):
    return call("clip", x, min=min, max=max)


def einsum(operands, subscripts):
    return call("einsum", subscripts, *operands)


def joined(op):
    def ours(arrays, dim=0):
        return call(op, *arrays, axis=dim)

    return ours


def flip(x, dims):
    return call("flip", x, axis=dims) if dims else call("flip", x, axis=())


def roll(x, shifts, dims=None):
    return call("roll", x, shifts, axis=dims)


def repeat(x, repeats, dim=None):
    if not isinstance(repeats, int):
        raise Unlike("a number of repetitions for each")
    return call("repeat", x, repeats, axis=dim)


def shaped(op):
    def ours(x, shape):
        return call(op, x, shape)

    return ours


def expanded(x, shape):
    lead = len(shape) - x.dim()
    full = [x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)]
    return call("broadcast_to", x, full)


def squeeze(x, dim=None):
    dims = range(x.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
    if not x.dim():
        raise Unlike("an array without axes has none to take away")
    return call("squeeze", x, tuple(d for d in dims if x.shape[d] == 1))  # torch leaves the others


def sort(x, dim=-1, descending=False, stable=False):
    if not x.dim():
        raise Unlike("an array without axes has no order")
    return call("sort", x, axis=dim, descending=descending)


def top_k(x, k, dim=-1, largest=True, sorted=True):
    if not largest or not x.dim():
        raise Unlike("the smallest, or of no axis")
    return call("top_k", x, k, axis=dim)


def indexed(op):
    """`f(x, dim, index)` and `f(x, dim, index, src)`."""

    def ours(x, dim, index, *src, alpha=1):
        if not x.dim() or not index.dim():
            raise Unlike("an array without axes")
        src = tuple(alpha * one for one in src) if alpha != 1 else src
        return call(op, x, index, *src, axis=dim)

    return ours


def take_along(x, index, dim=None):
    if dim is None:
        raise Unlike("no axis")
    return call("take_along_axis", x, index, axis=dim)


def triangle(op):
    def ours(x, diagonal=0):
        return call(op, x, k=diagonal)

    return ours


def diagonal(x, offset=0, dim1=0, dim2=1):
    return call("diagonal", x.movedim((dim1, dim2), (-2, -1)), offset=offset)


def tensordot(x, y, dims=2):
    return call("tensordot", x, y, axes=dims)


def triangular(a, b, upper, left=True, unitriangular=False):
    if not left:
        raise Unlike("from the right")
    return call("triangular_solve", a, b, lower=not upper, unit_diagonal=unitriangular)


def _power(x, n):
    return call("matrix_power", x, n)


def vecdot(x, y, dim=-1):
    return call("vecdot", x, y, axis=dim)


def median(x, dim, keepdim=False):
    if not x.dim() or x.shape[dim] % 2 == 0:
        raise Unlike("torch's median of an even number is the lower one, ours the mean of two")
    return call("median", x, axis=dim, keepdims=keepdim)


SHAPED = [
    Entry("softmax", "softmax", along("softmax")),
    Entry("log_softmax", "log_softmax", along("log_softmax")),
    Entry("logsumexp", "logsumexp", reduced("logsumexp")),
    Entry("cumulative_sum", "cumsum", running("cumulative_sum")),
    Entry("cumulative_prod", "cumprod", running("cumulative_prod")),
    Entry("logcumsumexp", "logcumsumexp", running("logcumsumexp")),
    Entry("cumulative_max", "cummax", running("cumulative_max"), result=first),
    *(
        Entry(op, name, reduced(op))
        for op, name in {
            "sum": "sum", "mean": "mean", "prod": "prod", "nan_sum": "nansum",
            "max": "amax", "min": "amin",
        }.items()
    ),
    Entry("max", "max", reduced("max"), "reduction_no_dim"),
    Entry("min", "min", reduced("min"), "reduction_no_dim"),
    Entry("max", "max", reduced("max"), "reduction_with_dim", first),
    Entry("min", "min", reduced("min"), "reduction_with_dim", first),
    *(Entry(op, op, deviation(op), kind) for op in ("var", "std") for kind in ("", "unbiased")),
    Entry("median", "median", median, result=first),
    Entry("norm", "linalg.vector_norm", power_norm),
    Entry("clip", "clamp", clip),
    Entry("einsum", "einsum", einsum),
    Entry("concat", "cat", joined("concat")),
    Entry("stack", "stack", joined("stack")),
    Entry("flip", "flip", flip),
    Entry("roll", "roll", roll),
    Entry("tile", "tile", shaped("tile")),
    Entry("repeat", "repeat_interleave", repeat),
    Entry("reshape", "reshape", shaped("reshape")),
    Entry("reshape", "view", shaped("reshape")),
    Entry("transpose", "permute", shaped("transpose")),
    Entry("broadcast_to", "broadcast_to", shaped("broadcast_to")),
    Entry("broadcast_to", "expand", expanded),
    Entry("expand_dims", "unsqueeze", shaped("expand_dims")),
    Entry("squeeze", "squeeze", squeeze),
    Entry("squeeze", "squeeze", squeeze, "multiple"),
    Entry("where", "where", lambda x, condition, y: call("where", condition, x, y)),
    Entry("sort", "sort", sort, result=first),
    Entry("top_k", "topk", top_k, result=first),
    Entry("gather", "gather", indexed("gather")),
    Entry("scatter", "scatter", indexed("scatter")),
    Entry("scatter_add", "scatter_add", indexed("scatter_add")),
    Entry("index_add", "index_add", indexed("index_add")),
    Entry("take", "index_select", indexed("take")),
    Entry("take_along_axis", "take_along_dim", take_along),
    Entry("tril", "tril", triangle("tril")),
    Entry("triu", "triu", triangle("triu")),
    Entry("diag", "diag", lambda x, offset=0: call("diag", x, offset=offset)),
    Entry("diagonal", "diagonal", diagonal),
    Entry("tensordot", "tensordot", tensordot),
    Entry("vecdot", "linalg.vecdot", vecdot),
    Entry("triangular_solve", "linalg.solve_triangular", triangular),
    Entry("matrix_power", "linalg.matrix_power", _power),
    Entry("slogdet", "linalg.slogdet", partial(call, "slogdet"), result=lambda out: out[1]),
]  # fmt: skip
