"""Primitives of JAX that hold other programs: loops and branches follow the noise-free run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from gradcmp.judge.noise.model import NoiseModel
from gradcmp.native.jax.movement import Rule
from gradcmp.native.jax.stacks import Value, base, is_noisy, like, stack
from gradcmp.native.jax.wholes import taken_whole


class Program(Protocol):
    """What runs the programs inside of a primitive."""

    def inside(self, program: Any, arguments: list[Value]) -> list[Value]:
        """Run one."""

    def entered(self, value: Value) -> Value:
        """Return what a comparison sees of an operand."""


CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def called(run: Program, model: NoiseModel, eqn: Any, *arguments: Value) -> list[Value]:
    """Run the program that a primitive names: jit, checkpoint, custom derivatives."""
    program = next(eqn.params[key] for key in CALLS if eqn.params.get(key) is not None)
    inside = partial(run.inside, program)
    found = taken_whole(model, eqn, arguments, run.entered, inside)
    return inside([*arguments]) if found is None else found


def scan(run: Program, model: NoiseModel, eqn: Any, *arguments: Value) -> list[Value]:
    """Run a loop of known length."""
    p = eqn.params
    first, second = p["num_consts"], p["num_consts"] + p["num_carry"]
    constants, carry = [*arguments[:first]], [*arguments[first:second]]
    rows: list[list[Value]] = []
    steps = range(p["length"])
    for step in reversed(steps) if p["reverse"] else steps:
        slices = [_row(one, step) for one in arguments[second:]]
        found = run.inside(p["jaxpr"], [*constants, *carry, *slices])
        carry = found[: p["num_carry"]]
        rows.append(found[p["num_carry"] :])
    if p["reverse"]:
        rows.reverse()
    if not rows:
        empty = [np.zeros(one.aval.shape) for one in eqn.outvars[p["num_carry"] :]]
        return carry + empty
    return carry + [_piled(model, column) for column in zip(*rows, strict=True)]


def _row(value: Value, step: int) -> Value:
    return value[step] if is_noisy(value) else np.asarray(value)[step]


def _piled(model: NoiseModel, column: tuple[Value, ...]) -> Value:
    length = max(len(stack(one)) for one in column)
    rows = [np.broadcast_to(s, (length, *s.shape[1:])) for s in map(stack, column)]
    return like(model, np.stack(rows, 1), *column)


def repeated(run: Program, model: NoiseModel, eqn: Any, *arguments: Value) -> list[Value]:
    """Run a loop while its condition holds."""
    p = eqn.params
    first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
    condition, body, carry = arguments[:first], arguments[first:second], [*arguments[second:]]
    while bool(base(run.inside(p["cond_jaxpr"], [*condition, *carry])[0])):
        carry = run.inside(p["body_jaxpr"], [*body, *carry])
    return carry


def chosen(
    run: Program, model: NoiseModel, eqn: Any, which: Value, *arguments: Value
) -> list[Value]:
    """Run one of several programs."""
    branches = eqn.params["branches"]
    number = min(max(int(base(which)), 0), len(branches) - 1)
    return run.inside(branches[number], [*arguments])


def linear_solve(run: Program, model: NoiseModel, eqn: Any, *arguments: Value) -> list[Value]:
    """Run the solver of an implicit linear system."""
    lengths = eqn.params["const_lengths"]
    start = lengths.matvec + lengths.vecmat
    whole = start + lengths.solve + lengths.transpose_solve
    solver = [*arguments[start : start + lengths.solve], *arguments[whole:]]
    return run.inside(eqn.params["jaxprs"].solve, solver)


CONTROL: Mapping[str, Rule] = {
    "checkpoint": called,
    "closed_call": called,
    "cond": chosen,
    "core_call": called,
    "custom_jvp_call": called,
    "custom_linear_solve": linear_solve,
    "custom_vjp_call": called,
    "custom_vjp_call_jaxpr": called,
    "jit": called,
    "pjit": called,
    "remat": called,
    "remat2": called,
    "scan": scan,
    "while": repeated,
}
