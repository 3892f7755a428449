"""Which op a name in an expression stands for, whoever calls it so."""

from __future__ import annotations

from collections.abc import Collection

from gradcmp.errors import GraphError, did_you_mean
from gradcmp.graph.aliases import LEADS, TAKEN
from gradcmp.ops import OPS, Op

SEE = "See them with: gradcmp ops"


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
