"""How an op of one or two broadcast operands is written down: spelling and examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcmp.case import Shape
from gradcmp.ops.shapes import floating
from gradcmp.ops.spec import (
    ANYWHERE,
    EVERYWHERE,
    ArraySpec,
    Domain,
    Example,
    Kink,
    Native,
    Op,
    Primitive,
)

SHAPES: tuple[Shape, ...] = ((4, 3), (5,), ())
BROADCASTS: tuple[tuple[Shape, Shape], ...] = (
    ((4, 3), (4, 3)),
    ((4, 3), (3,)),
    ((4, 1), (2, 1, 3)),
    ((), (3,)),
)


def spelled(**paths: str) -> dict[str, Native]:
    """Return native spellings that are one function called with the op's own arguments.

    Static arguments are handed over by name, so that the function must know them by the op's names.

    Parameters
    ----------
    **paths
        By backend, a path inside the framework's module: ``torch="nn.functional.silu"``.
    """
    return {backend: _call(path) for backend, path in paths.items()}


def everywhere(native: Native) -> dict[str, Native]:
    """Return one spelling for all frameworks: they overload Python's operators alike."""
    return {EVERYWHERE: native}


def unary(
    reference: Callable[..., Any],
    native: dict[str, Native],
    domain: Domain = ANYWHERE,
    infer: Callable[..., ArraySpec] = floating,
    noise: Mapping[Primitive, float] | None = None,
    compares: bool = False,
    loses_digits: bool = False,
    kinks: tuple[Kink, ...] = (),
) -> Op:
    """Return the op of one operand `x`, whose name is its reference's."""
    name = reference.__name__
    return Op(
        name,
        reference,
        infer=infer,
        native=native,
        domain={"x": domain},
        examples=tuple(Example(f"{name}(x)", {"x": shape}) for shape in SHAPES),
        noise=noise or {},
        compares=compares,
        loses_digits=loses_digits,
        kinks=kinks,
    )


def binary(
    reference: Callable[..., Any],
    native: dict[str, Native],
    infer: Callable[..., ArraySpec],
    x: Domain = ANYWHERE,
    y: Domain = ANYWHERE,
    sign: str | None = None,
    differentiable: bool = True,
    noise: Mapping[Primitive, float] | None = None,
    compares: bool = False,
    kinks: tuple[Kink, ...] = (),
) -> Op:
    """Return the op of two broadcast operands `x` and `y`, whose name is its reference's.

    Its examples are calls, and with `sign`, Python's operator for it, such expressions too.
    """
    name = reference.__name__
    call = f"{name}(x, y)"
    infix = f"x {sign} y" if sign else call
    texts = (call, infix, call, infix)
    return Op(
        name,
        reference,
        infer=infer,
        native=native,
        domain={"x": x, "y": y},
        examples=(
            *(
                Example(text, {"x": left, "y": right})
                for text, (left, right) in zip(texts, BROADCASTS, strict=True)
            ),
            Example(f"{name}(x, 2)", {"x": (3,)}),
        ),
        differentiable=differentiable,
        noise=noise or {},
        compares=compares,
        kinks=kinks,
    )


def _call(path: str) -> Native:
    names = path.split(".")

    def call(module: Any, *operands: Any, **static: Any) -> Any:
        for name in names:  # not `attrgetter`, which torch.compile cannot look into
            module = getattr(module, name)
        return module(*operands, **static)

    return call
