"""A traced function run by NumPy, on plain arrays and on arrays that carry replicas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.extend import core

from gradcmp.judge.noise.kinks import ExactModel
from gradcmp.judge.noise.model import NoiseModel
from gradcmp.native.jax.control import CONTROL
from gradcmp.native.jax.elementwise import KNOWN, elementwise, integer_pow
from gradcmp.native.jax.movement import MOVEMENT
from gradcmp.native.jax.stacks import Value, base, is_noisy, like, stack
from gradcmp.native.jax.sums import SUMS

EXTREMES = frozenset(("max", "min", "reduce_max", "reduce_min"))
COMPARING = EXTREMES | {"eq", "ge", "gt", "le", "le_to", "lt", "lt_to", "ne", "sign"}
FACTORIZATIONS = frozenset(("lu", "cholesky", "triangular_solve", "eigh", "svd", "qr"))
EXACT = frozenset(("cummax", "cummin", "reduce_window_max", "select_and_scatter_add"))
KAPPA_UNKNOWN = 4.0  # units roundoff of what has no rule


def plain(value: Any) -> Value:
    """Return a constant as the interpreter has it: real numbers in float64."""
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "fV" else array


@dataclass
class Interpreter:
    """Runs programs of JAX.

    Attributes
    ----------
    models : mapping of str to NoiseModel
        By the dtype of what a primitive returns, as the program was traced.
    enter : callable, optional
        What a comparison sees of its operands.
    constant : callable
        What a constant or a literal is, by its number and its dtype in the program.
    unruled : dict
        The primitives that have no rule, as they were met.
    """

    models: Mapping[str, NoiseModel]
    enter: Callable[[Value], Value] | None = None
    constant: Callable[[Any, Any], Value] = lambda value, dtype: plain(value)
    unruled: dict[str, None] = field(default_factory=dict)

    def run(self, program: Any, arguments: Sequence[Value]) -> list[Value]:
        """Run a closed program."""
        constants = zip(program.consts, program.jaxpr.constvars, strict=True)
        held = [self.constant(value, variable.aval.dtype) for value, variable in constants]
        return self._evaluate(program.jaxpr, held, arguments)

    def inside(self, program: Any, arguments: list[Value]) -> list[Value]:
        """Run a program inside of a primitive, closed or not."""
        if hasattr(program, "consts"):
            return self.run(program, arguments)
        return self._evaluate(program, [], arguments)

    def entered(self, value: Value) -> Value:
        """Return what a comparison sees of an operand."""
        return self.enter(value) if self.enter else value

    def _evaluate(
        self, program: Any, constants: Sequence[Value], arguments: Sequence[Value]
    ) -> list[Value]:
        known = dict(zip(program.constvars, constants, strict=True))
        known |= zip(program.invars, arguments, strict=True)
        last = {
            variable: i
            for i, eqn in enumerate(program.eqns)
            for variable in eqn.invars
            if not isinstance(variable, core.Literal)
        }
        kept = {one for one in program.outvars if not isinstance(one, core.Literal)}

        def read(variable: Any) -> Value:
            if isinstance(variable, core.Literal):
                return self.constant(variable.val, variable.aval.dtype)
            return known[variable]

        for i, eqn in enumerate(program.eqns):
            with np.errstate(all="ignore"):
                found = self._equation(eqn, [read(variable) for variable in eqn.invars])
            known |= zip(eqn.outvars, found, strict=True)
            for variable in eqn.invars:
                is_known = not isinstance(variable, core.Literal)
                if is_known and last[variable] == i and variable not in kept:
                    known.pop(variable, None)  # replicas take much memory
        return [read(variable) for variable in program.outvars]

    def _equation(self, eqn: Any, values: list[Value]) -> list[Value]:
        name, model = eqn.primitive.name, self._model(eqn)
        if name in COMPARING:
            values = [*map(self.entered, values)]
        if name in CONTROL:
            return [*CONTROL[name](self, model, eqn, *values)]
        rule = MOVEMENT.get(name) or SUMS.get(name)
        if rule:
            found = rule(model, eqn, *values)
        elif name == "integer_pow":
            found = integer_pow(model, values[0], eqn.params["y"])
        elif name in KNOWN:
            found = elementwise(name, model, *values)
        else:
            found = self._by_jax(eqn, model, values)
        return found if isinstance(found, list) else [found]

    def _model(self, eqn: Any) -> NoiseModel:
        """Return the rounding of a primitive: of its result, or of what it compares."""
        variables = [*eqn.outvars, *eqn.invars]
        dtypes = (str(getattr(one.aval, "dtype", "")) for one in variables)
        return self.models[next((dtype for dtype in dtypes if dtype in self.models), "float32")]

    def _by_jax(self, eqn: Any, model: NoiseModel, values: list[Value]) -> list[Value]:
        """Let JAX run a primitive, once a replica."""
        name = eqn.primitive.name
        if name in FACTORIZATIONS:
            values = [self._factorized(model, values[0]), *values[1:]]
        rows = max(len(stack(value)) for value in values) if values else 1
        found = []
        with jax.enable_x64(True):
            for row in range(rows):
                one = [jax.numpy.asarray(stack(v)[row if is_noisy(v) else 0]) for v in values]
                result = eqn.primitive.bind(*one, **eqn.params)
                several = result if eqn.primitive.multiple_results else [result]
                found.append([np.asarray(each) for each in several])
        stacks = [np.stack(column) for column in zip(*found, strict=True)]
        if not any(map(is_noisy, values)):
            return [one[0] for one in stacks]
        kappa = 0.0 if name in EXACT else self._kappa(name, values)
        real = [like(model, one, *values) for one in stacks]
        return [
            model.approximate(one.stack, kappa) if one.dtype.kind == "f" else base(one)
            for one in real
        ]

    def _kappa(self, name: str, values: list[Value]) -> float:
        if name in FACTORIZATIONS:
            return math.sqrt(max(np.shape(values[0])[-1], 1))
        self.unruled[name] = None
        return KAPPA_UNKNOWN

    def _factorized(self, model: NoiseModel, x: Value) -> Value:
        """Return the matrix that a backward stable factorization is the exact one of.

        Its entries are off by ``u sqrt(n) / 2`` of the largest of their row.
        """
        if not is_noisy(x) or isinstance(model, ExactModel):
            return x
        s = x.stack
        xi = model.rng.standard_normal(s.shape)
        xi[0] = 0.0
        reach = np.abs(s).max(-1, keepdims=True) * model.precision.u * math.sqrt(s.shape[-1]) / 2
        return like(model, s + reach * xi * (s != 0), x)
