"""Ops that take tensors alone: torch's name of each."""

from __future__ import annotations

from samples import Entry, Unlike, call, plain

SAME = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh",
    "digamma", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "floor", "lgamma", "log",
    "log10", "log1p", "log2", "reciprocal", "rsqrt", "sigmoid", "sign", "sin", "sinc", "sinh",
    "sqrt", "square", "tan", "tanh", "trunc", "trace", "round", "atan2", "copysign", "hypot",
    "logaddexp", "maximum", "minimum", "matmul", "inner", "kron", "outer", "remainder",
    "xlogy", "lerp",
]  # fmt: skip

OTHERWISE = {
    "negative": "neg",
    "multiply": "mul",
    "power": "pow",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "equal": "eq",
    "not_equal": "ne",
    "xlog1py": "special.xlog1py",
    "expm": "matrix_exp",
    "det": "linalg.det",
    "inv": "linalg.inv",
    "svdvals": "linalg.svdvals",
    "solve": "linalg.solve",
    "relu": "nn.functional.relu",
    "relu6": "nn.functional.relu6",
    "selu": "nn.functional.selu",
    "silu": "nn.functional.silu",
    "softsign": "nn.functional.softsign",
    "log_sigmoid": "nn.functional.logsigmoid",
    "hard_sigmoid": "nn.functional.hardsigmoid",
    "hard_swish": "nn.functional.hardswish",
    "mish": "nn.functional.mish",
    "linear": "nn.functional.linear",
}


def with_factor(op):
    """`f(x, y, alpha=1)`."""
    return lambda x, y, alpha=1: call(op, x, y if alpha == 1 else alpha * y)


def pseudoinverse(x, rtol=None):
    if rtol is not None and float(rtol if isinstance(rtol, float) else rtol.max()) > 1e-6:
        raise Unlike("singular values of another size are left out")
    return call("pinv", x)


PLAIN = [
    Entry("add", "add", with_factor("add")),
    Entry("subtract", "sub", with_factor("subtract")),
    Entry("prelu", "nn.functional.prelu", lambda x, weight: call("prelu", x, weight)),
    Entry("pinv", "linalg.pinv", pseudoinverse),
    *(Entry(op, op, plain(op)) for op in SAME),
    *(Entry(op, name, plain(op)) for op, name in OTHERWISE.items()),
    Entry("divide", "div", plain("divide"), "no_rounding_mode"),
    Entry("maximum", "max", plain("maximum"), "binary"),
    Entry("minimum", "min", plain("minimum"), "binary"),
]
