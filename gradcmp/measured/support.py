"""Which op each backend computes, in which mode and dtype: measured, never declared.

Every example of an op runs in a worker, and the worst of value and gradients is held against the
reference at the same numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gradcmp.backends import backend_class
from gradcmp.case import DTYPES, BackendSpec, DType
from gradcmp.dtypes import FORMATS
from gradcmp.errors import RecordingError
from gradcmp.measured.asked import PATIENCE, Given, Ways, ask, ways
from gradcmp.measured.calls import Call, drawn
from gradcmp.ops import Array, Op
from gradcmp.workers import Pool

BOUND = 160.0  # units of u, of the largest element: a recurrent layer's steps add up to as much
COARSE = 1 / 64  # of float32's u: from here on float64 is no more precise than that
FLOOR = 1e-3  # a tensor is not taken for smaller than that, so that zeros may be nearly so

Cell: TypeAlias = float | str
Rows: TypeAlias = dict[str, dict[str, dict[str, Cell]]]


@dataclass
class Support:
    """What was measured.

    Attributes
    ----------
    versions : dict of str to str
        Of the frameworks.
    ops : dict
        By op, by ``backend:mode``, by dtype: how far its worst element is from the reference, in
        units of u of the tensor's largest element; or why there is no number, in words.
    """

    versions: dict[str, str] = field(default_factory=dict)
    ops: Rows = field(default_factory=dict)

    @property
    def ways(self) -> tuple[str, ...]:
        """All modes of all backends: ``torch:eager``."""
        return tuple(dict.fromkeys(way for row in self.ops.values() for way in row))

    def note(self, op: str, way: str, dtype: str, cell: Cell) -> None:
        """Take note of one example: the worst number counts, and a reason more than any."""
        row = self.ops.setdefault(op, {}).setdefault(way, {})
        before = row.get(dtype)
        if isinstance(before, str):
            return
        row[dtype] = cell if before is None or isinstance(cell, str) else max(before, cell)


def measure(pool: Pool, backends: Iterable[BackendSpec], ops: Iterable[Op]) -> Support:
    """Run every example of ops in every dtype.

    Parameters
    ----------
    backends : iterable of BackendSpec
        One without a mode is asked for all of its modes.
    """
    found, ops = Support(), tuple(ops)
    asked = ways(pool, backends)
    found.versions = {one.name: one.version for one in asked if one.version}
    runs = [run for one in asked for run in _runs(one, ops)]
    for one in asked:
        for op in ops if one.why else ():
            found.ops.setdefault(op.name, {})[one.name] = dict.fromkeys(DTYPES, one.why)
    for spec, call, given in ask(pool, [(spec, calls) for spec, _, calls in runs]):
        assert spec.dtype is not None
        cell = given if isinstance(given, str) else distance(call, given, spec.dtype)
        found.note(call.op.name, _way(spec), spec.dtype, cell)
    order = list(dict.fromkeys(_way(spec) for spec, *_ in runs))
    for name, row in found.ops.items():  # whatever came first
        found.ops[name] = dict(sorted(row.items(), key=lambda one: _rank(order, one[0])))
    return found


def _rank(order: list[str], way: str) -> int:
    return order.index(way) if way in order else len(order)


def _runs(one: Ways, ops: tuple[Op, ...]) -> Iterator[tuple[BackendSpec, DType, list[Call]]]:
    declared = backend_class(one.name).dtypes
    for dtype in DTYPES:
        calls = [drawn(op, example, dtype) for op in ops for example in op.examples]
        for mode in one.modes if dtype in declared else ():
            yield BackendSpec(one.name, mode, dtype, timeout=PATIENCE), dtype, calls


def _way(spec: BackendSpec) -> str:
    return f"{spec.name}:{spec.mode}"


def distance(call: Call, given: Given, dtype: DType) -> Cell:
    """Return how far value and gradients are from the reference, in units of u, or what is odd."""
    pairs = {"the value": (given.value, call.value)}
    pairs |= {f"d {name}": (given.gradients[name], x) for name, x in call.gradients.items()}
    worst = 0.0
    for what, (actual, expected) in pairs.items():
        if actual.shape != expected.shape:
            return f"{what} has shape {actual.shape}, and must have {expected.shape}"
        if expected.dtype.kind == "f" and actual.dtype.name != dtype:
            return f"{what} is of dtype {actual.dtype.name}"
        off = apart(actual, expected) / FORMATS[dtype].u
        if not math.isfinite(off):
            return f"{what} is NaN or infinite where the reference is not, or the other way round"
        worst = max(worst, off)
    return float(f"{worst:.2g}")


def apart(actual: Array, expected: Array) -> float:
    """Return the largest difference, relative to the largest number that is expected."""
    if not expected.size:
        return 0.0
    if expected.dtype.kind != "f":
        return float("nan") if np.any(actual != expected) else 0.0
    mine, theirs = actual.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(theirs)
    if not np.array_equal(mine[~finite], theirs[~finite], equal_nan=True):
        return float("nan")
    scale = np.abs(theirs[finite]).max(initial=FLOOR)
    return float(np.max(np.abs(mine[finite] - theirs[finite]), initial=0.0) / scale)


def is_close(cell: Cell | None) -> bool:
    """Whether a backend computes what the reference does."""
    return isinstance(cell, float) and cell <= BOUND


def why_not(cell: Cell | None, dtype: str) -> str:
    """Return the reason of a hole, or of what is far from the reference."""
    if cell is None:
        return "the backend does not compute in that dtype"
    if isinstance(cell, str):
        return cell
    off, single = FORMATS["float64"].u * cell, FORMATS["float32"].u
    if dtype == "float64" and COARSE * single <= off <= BOUND * single:
        return "no more precise than float32"
    return f"{cell:g} u from the reference"


def sign(cell: Cell | None) -> str:
    """Return ✓ for what is as the reference has it, ✗ for what is not, – for a hole."""
    return "✓" if is_close(cell) else "✗" if isinstance(cell, float) else "–"


def signs(row: Mapping[str, Cell]) -> str:
    """Return a sign for each dtype, in the order of `DTYPES`."""
    return "".join(sign(row.get(dtype)) for dtype in DTYPES)


def reasons(found: Support) -> dict[str, list[str]]:
    """Return the places of holes and of what is not as the reference has it, by their reason."""
    by: dict[str, list[str]] = {}
    for op, row in found.ops.items():
        for way, cells in row.items():
            lost: dict[str, list[str]] = {}
            for dtype in DTYPES:
                if not is_close(cells.get(dtype)):
                    lost.setdefault(why_not(cells.get(dtype), dtype), []).append(dtype)
            for reason, dtypes in lost.items():
                in_all = len(dtypes) == len(DTYPES)
                place = f"{op} {way}" + ("" if in_all else f" {', '.join(dtypes)}")
                by.setdefault(reason, []).append(place)
    return by


def read(path: Path) -> Support:
    """Read what was measured before; nothing from a file that is not there.

    Raises
    ------
    RecordingError
        For a file of another form.
    """
    if not path.is_file():
        return Support()
    try:
        content = json.loads(path.read_text("utf-8"))
        return Support(dict(content["versions"]), dict(content["ops"]))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RecordingError(f"'{path}' holds no measurement of ops ({error})") from None


def merged(before: Support, found: Support) -> Support:
    """Return both; what was found last counts."""
    versions = {**before.versions, **found.versions}
    ops = {op: dict(row) for op, row in before.ops.items()}
    for op, row in found.ops.items():
        ops[op] = {**ops.get(op, {}), **row}
    return Support(versions, ops)


def text(found: Support) -> str:
    """Return what was measured as a file: ops by the alphabet, a line for each mode."""
    parts = []
    for op in sorted(found.ops):
        rows = [f"   {_json(way)}: {_json(row)}" for way, row in found.ops[op].items()]
        parts.append(f"  {_json(op)}: {{\n" + ",\n".join(rows) + "\n  }")
    body = ",\n".join(parts)
    return f'{{\n "versions": {_json(found.versions)},\n "ops": {{\n{body}\n }}\n}}\n'


def _json(content: Mapping[str, Any] | str) -> str:
    return json.dumps(content, ensure_ascii=False)
