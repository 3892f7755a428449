"""Systems of linear equations.

A stable solver gives the exact answer of a system that is off by a rounding error, which its own
operations would not show: they cancel.
"""

from __future__ import annotations

import math
from typing import Any

from gradcmp.native.torch.rules.rule import Context, Rule, is_real, table
from gradcmp.native.torch.subject import Tensor


def _nearby(context: Context, matrix: Tensor) -> Tensor:
    """Return the matrix with independent errors: ``u sqrt(n) / 2`` of the largest of each row."""
    largest = matrix.abs().amax(-1, keepdim=True)
    size = context.rounding.precision.u * math.sqrt(matrix.shape[-1]) / 2
    return matrix + context.rounding.scatter(matrix) * largest * size


def _solved(context: Context, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What is solved, inverted or factored, of the matrix that stands first."""
    if not is_real(args[0]) or not args[0].numel() or context.exact:
        return func(*args, **kwargs)
    found = func(_nearby(context, args[0]), *args[1:], **kwargs)
    if isinstance(found, tuple):
        first = context.rounding.jitter(found[0], 1.0)
        return type(found)((first, *found[1:]))
    return context.rounding.jitter(found, 1.0)


RULES: dict[Any, Rule] = table(
    {
        "linalg_solve_ex _linalg_solve_ex linalg_solve_triangular triangular_solve linalg_inv_ex "
        "linalg_lu_solve linalg_lu_factor_ex linalg_cholesky_ex cholesky_inverse cholesky "
        "cholesky_solve linalg_ldl_factor_ex linalg_lu _linalg_det _linalg_slogdet": _solved,
    }
)
