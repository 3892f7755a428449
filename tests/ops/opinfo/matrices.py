"""Ops of matrices: how torch's arguments become ours."""

from __future__ import annotations

from functools import partial

from samples import Entry, Unlike, call


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


def factor(output):
    def ours(x):
        return call("qr", x, output)

    return ours


def factored(output):
    """Return a factor with the signs that make R's diagonal positive."""

    def result(out):
        q, r = out
        signs = r.diagonal(dim1=-2, dim2=-1).detach().sign()
        return q * signs.unsqueeze(-2) if output == "q" else r * signs.unsqueeze(-1)

    return result


MATRICES = [
    Entry("tril", "tril", triangle("tril")),
    Entry("triu", "triu", triangle("triu")),
    Entry("diag", "diag", lambda x, offset=0: call("diag", x, offset=offset)),
    Entry("diagonal", "diagonal", diagonal),
    Entry("tensordot", "tensordot", tensordot),
    Entry("vecdot", "linalg.vecdot", vecdot),
    Entry("triangular_solve", "linalg.solve_triangular", triangular),
    Entry("matrix_power", "linalg.matrix_power", _power),
    *(
        Entry("qr", name, factor(output), result=factored(output))
        for name in ("linalg.qr", "qr")
        for output in ("q", "r")
    ),
    Entry("slogdet", "linalg.slogdet", partial(call, "slogdet"), result=lambda out: out[1]),
]
