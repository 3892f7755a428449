"""The arguments of a call in an expression, matched with the parameters of its op."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping

from gradcmp.errors import GraphError, did_you_mean
from gradcmp.graph.aliases import PACKED, WORDS
from gradcmp.graph.names import NAMED_ONLY, TOO_MANY
from gradcmp.graph.outside import WAY_OUT, outside, shorten
from gradcmp.ops import Op

Parameters = Mapping[str, inspect.Parameter]
FEW = 2  # parameters of an op of which the last may be written as several numbers


def form(op: Op) -> str:
    """Return the call syntax of an op: ``sum(x, axis=None, keepdims=False)``."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in op.signature.parameters.values()
    ]
    return f"{op.name}{inspect.Signature(parameters)}"


def bind(op: Op, called: str, call: ast.Call) -> list[tuple[str, ast.expr]]:
    """Match arguments with the parameters of an op, in their order.

    Parameters
    ----------
    called : str
        The name in the call, which may be an alias of the op.

    Raises
    ------
    GraphError
        For what is missing, too many, unknown, given twice, or by position means one thing here
        and another elsewhere.
    """
    parameters = op.signature.parameters
    given = _packed(parameters, called, call.args)
    _require_named(op, parameters, given)
    named = _named(op, parameters, call.keywords)
    listed = False
    pairs: list[tuple[str, ast.expr]] = []
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            listed = bool(given) and isinstance(given[0], (ast.List, ast.Tuple))
            several = given.pop(0).elts if listed else given  # type: ignore[attr-defined]
            pairs += [(name, one) for one in several]
            given = given if listed else []
        elif given and (listed or parameter.kind is not inspect.Parameter.KEYWORD_ONLY):
            if name in named:
                raise GraphError(f"{op.name}: '{name}' is given twice")
            pairs.append((name, given.pop(0)))
        elif name in named:
            pairs.append((name, named[name]))
        elif parameter.default is inspect.Parameter.empty:
            raise _misfit(op, f"missing a required argument: '{name}'")
    if given:
        error = _misfit(op, f"'{shorten(ast.unparse(given[0]))}' is one argument too many")
        error.way_out = TOO_MANY.get(op.name, error.way_out)
        raise error
    return pairs


def _misfit(op: Op, what: str) -> GraphError:
    return GraphError(f"{op.name}: {what}", way_out=f"Its form is {form(op)}")


def _packed(parameters: Parameters, called: str, given: list[ast.expr]) -> list[ast.expr]:
    """Return the arguments, numbers at the end in a tuple where they are a shape or axes."""
    for argument in given:
        if isinstance(argument, ast.Starred):
            raise outside(argument)
    word = PACKED.get(called)
    if word not in parameters or len(given) < FEW or isinstance(given[1], (ast.Tuple, ast.List)):
        return list(given)
    return [given[0], ast.Tuple(given[1:], ast.Load())]


def _named(op: Op, parameters: Parameters, keywords: list[ast.keyword]) -> dict[str, ast.expr]:
    """Return the arguments that have a name, by the parameter that is meant."""
    found: dict[str, ast.expr] = {}
    for keyword in keywords:
        if keyword.arg is None:
            raise GraphError("'**' in a call is not part of the language", way_out=WAY_OUT)
        word = keyword.arg
        if word not in parameters:
            word = next((one for one in WORDS.get(word, ()) if one in parameters), word)
        if word not in parameters:
            raise GraphError(
                f"{op.name} has no argument '{word}'", way_out=did_you_mean(word, parameters)
            )
        if word in found:
            raise GraphError(f"{op.name}: '{word}' is given twice")
        found[word] = keyword.value
    return found


def _require_named(op: Op, parameters: Parameters, given: list[ast.expr]) -> None:
    """Refuse a second argument without a name where others take it for something else."""
    if op.name not in NAMED_ONLY or len(given) < FEW:
        return
    other, spelling = NAMED_ONLY[op.name]
    second = shorten(ast.unparse(given[1]))
    ways = [f"{op.name}(x, axis={second})"] if _is_literal(given[1]) else []
    if "ord=" not in spelling or "ord" in parameters:
        ways.append(spelling.format(second))
    raise GraphError(
        f"{op.name}: '{second}' might be the axis or {other}",
        way_out=f"Write {' or '.join(ways) or form(op)}",
    )


def _is_literal(tree: ast.expr) -> bool:
    try:
        ast.literal_eval(tree)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True
