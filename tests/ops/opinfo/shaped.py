"""Ops with axes, shapes and indices: how torch's arguments become ours."""

from __future__ import annotations

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


def median(x, dim, keepdim=False):
    if not x.dim() or x.shape[dim] % 2 == 0:
        raise Unlike("torch's median of an even number is the lower one, ours the mean of two")
    return call("median", x, axis=dim, keepdims=keepdim)


def quantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    if not isinstance(q, float):
        raise Unlike("several shares, and gradients of them")
    if interpolation != "linear":
        raise Unlike(f"between elements it is {interpolation}")
    return call("quantile", x, q, axis=_axes(x, dim), keepdims=keepdim)


def last_part(x, parts, dim=0):
    """Return the last part; torch's number of parts is the length of each."""
    length = x.shape[dim]
    if isinstance(parts, int):
        parts = [min(parts, length - start) for start in range(0, length, parts)]
    return call("split", x, tuple(parts), len(parts) - 1, axis=dim)


def last_chunk(x, chunks, dim=0):
    return last_part(x, -(-x.shape[dim] // chunks), dim)


def last(out):
    return out[-1]


def put(x, indices, values, accumulate=False):
    """A mask is where it is true."""
    found = [each for one in indices for each in _places(one)]
    return call("index_put", x, values, *found, accumulate=accumulate)


def _places(index):
    return index.nonzero(as_tuple=True) if str(index.dtype) == "torch.bool" else (index,)


PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


def padded(x, pad, mode="constant", value=None):
    """torch has the last axis first, and only those axes that grow."""
    if min(pad) < 0:
        raise Unlike("a negative width takes elements away")
    ends = [*zip(pad[::2], pad[1::2], strict=True)][::-1]
    width = [(0, 0)] * (x.dim() - len(ends)) + ends
    return call("pad", x, width, mode=PAD_MODES[mode], value=value)


SHAPED = [
    *(
        Entry(op, op, along(op), kind)
        for op in ("softmax", "log_softmax") for kind in ("", "with_dtype")
    ),
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
    Entry("quantile", "quantile", quantile),
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
    Entry("split", "split", last_part, result=last),
    Entry("split", "split", last_part, "list_args", result=last),
    Entry("split", "split_with_sizes", last_part, result=last),
    Entry("split", "chunk", last_chunk, result=last),
    *(Entry("pad", "nn.functional.pad", padded, mode) for mode in PAD_MODES),
    Entry("where", "where", lambda x, condition, y: call("where", condition, x, y)),
    Entry("sort", "sort", sort, result=first),
    Entry("top_k", "topk", top_k, result=first),
    Entry("gather", "gather", indexed("gather")),
    Entry("scatter", "scatter", indexed("scatter")),
    Entry("scatter_add", "scatter_add", indexed("scatter_add")),
    Entry("index_add", "index_add", indexed("index_add")),
    Entry("index_put", "index_put", put),
    Entry("take", "index_select", indexed("take")),
    Entry("take_along_axis", "take_along_dim", take_along),
]  # fmt: skip
