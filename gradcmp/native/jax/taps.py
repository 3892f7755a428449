"""Values inside of a traced function, and their gradients by whichever way it goes on with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
from jax.extend import core

Tensors = dict[str, Any]
# It has moved: that of `jax.core` warns where the other one is there.
_state = getattr(core, "get_opaque_trace_state", None) or jax.core.get_opaque_trace_state


def home() -> Any:
    """Return what tells a function from those that it hands to scan, vmap, jit or grad.

    A value inside of these has none outside of them.
    """
    return _state(convention="nnx")


@jax.custom_vjp  # type: ignore[untyped-decorator]
def tapped(x: Any, slot: Any) -> Any:
    """Return `x`; the gradient that arrives there goes to `slot` as well."""
    return x


tapped.defvjp(lambda x, slot: (x, None), lambda _, dx: (dx, dx))


def is_real(one: Any) -> bool:
    """Whether an array has a derivative."""
    return bool(jax.numpy.issubdtype(one.dtype, jax.numpy.floating))


@dataclass(frozen=True)
class Traced:
    """A function that was traced, with what came to its taps and what they have returned.

    Attributes
    ----------
    program : ClosedJaxpr
        It returns outputs, and by tap values and what is to be used in their place.
    results : tuple
        Shapes and dtypes of these three.
    """

    program: Any = field(repr=False)
    results: tuple[Tensors, Tensors, Tensors]

    @classmethod
    def of(cls, function: Callable[..., tuple[Tensors, Tensors, Tensors]], *given: Any) -> Traced:
        """Trace a function at arguments, or their shapes and dtypes."""
        return cls(*jax.make_jaxpr(function, return_shape=True)(*given))

    @property
    def shapes(self) -> Tensors:
        """Shape and dtype of what came to each tap."""
        return self.results[1]

    @cached_property
    def bypassed(self) -> frozenset[str]:
        """The taps whose value is also used as it came to them, and not as they return it."""
        met = self._used
        return frozenset(
            name
            for name, mark in self._marks.items()
            if mark.invars[0] in self._own
            or any(mark.invars[0] in _inputs(eqn) for eqn in met if eqn is not mark)
        )

    @cached_property
    def ignored(self) -> frozenset[str]:
        """The taps that return what is not used."""
        used = {*self._own, *(one for eqn in self._used for one in _inputs(eqn))}
        return frozenset(n for n, mark in self._marks.items() if mark.outvars[0] not in used)

    def rerouted(self, *given: Any) -> tuple[Tensors, Tensors, Tensors]:
        """Call it: each value is used as its tap returns it, wherever it is used.

        So the gradient that arrives there is the derivative by the value, as torch has it.
        """
        found = core.jaxpr_as_fun(self._rerouted)(*jax.tree.leaves(given))
        return self._arranged(found)

    @cached_property
    def _rerouted(self) -> Any:
        jaxpr = self.program.jaxpr
        marks: dict[Any, list[Any]] = {}
        for mark in self._marks.values():
            marks.setdefault(mark.invars[0], []).append(mark)
        instead: dict[Any, Any] = {}

        def turned(atoms: Any) -> list[Any]:
            return [instead.get(one, one) if isinstance(one, core.Var) else one for one in atoms]

        def behind(var: Any) -> Iterator[Any]:
            """Move the taps of a variable to where it is made."""
            met, left = [var], marks.pop(var, [])
            while left:
                mark = left.pop(0)
                yield mark.replace(invars=[met[-1], *mark.invars[1:]])
                met.append(mark.outvars[0])
                left += marks.pop(met[-1], [])
            instead.update(dict.fromkeys(met[:-1], met[-1]))

        moved = {id(mark) for mark in self._marks.values()}
        eqns = [one for var in (*jaxpr.constvars, *jaxpr.invars) for one in behind(var)]
        for eqn in jaxpr.eqns:
            if id(eqn) not in moved:
                eqns.append(eqn.replace(invars=turned(eqn.invars)))
                eqns += [one for var in eqn.outvars for one in behind(var)]
        made = jaxpr.replace(eqns=eqns, outvars=turned(jaxpr.outvars))
        return core.ClosedJaxpr(made, self.program.consts)

    @cached_property
    def _parts(self) -> tuple[Tensors, Tensors, Tensors]:
        """The variables of what it returns."""
        return self._arranged(self.program.jaxpr.outvars)

    def _arranged(self, found: Any) -> tuple[Tensors, Tensors, Tensors]:
        outputs, values, aliases = jax.tree.unflatten(jax.tree.structure(self.results), found)
        return outputs, values, aliases

    @property
    def _own(self) -> list[Any]:
        return [one for one in jax.tree.leaves(self._parts[0]) if isinstance(one, core.Var)]

    @cached_property
    def _marks(self) -> dict[str, Any]:
        """By tap, the equation that hands its value on."""
        _, values, aliases = self._parts
        makers = {id(var): eqn for eqn in self.program.jaxpr.eqns for var in eqn.outvars}
        found = {name: makers.get(id(alias)) for name, alias in aliases.items()}
        return {
            name: eqn
            for name, eqn in found.items()
            if eqn is not None and values[name] in _inputs(eqn)  # what is no number has no tap
        }

    @cached_property
    def _used(self) -> list[Any]:
        """The equations that an output is made of."""
        found, needed = [], {*self._own}
        for eqn in reversed(self.program.jaxpr.eqns):
            if any(var in needed for var in eqn.outvars):
                found.append(eqn)
                needed |= _inputs(eqn)
        return found


def _inputs(eqn: Any) -> set[Any]:
    return {one for one in eqn.invars if isinstance(one, core.Var)}
