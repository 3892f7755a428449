"""A script that shows a failing comparison of two functions and needs no gradcmp."""

from __future__ import annotations

import ast
import inspect
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from gradcmp.explain.code import runners
from gradcmp.explain.code.failure import Failure, Run
from gradcmp.explain.drawn import RNG, source
from gradcmp.explain.reference.arrays import written
from gradcmp.explain.reference.held import STORED
from gradcmp.explain.reference.trees import WIDTH, pretty
from gradcmp.inputs.draw import COTANGENT
from gradcmp.native.text.arguments import taken_by
from gradcmp.native.text.slices import Slice, slice_of
from gradcmp.outside.printable import clean
from gradcmp.recording import Array
from gradcmp.version import VERSION

RUNNERS: Mapping[str, tuple[str, str, Callable[..., Any]]] = {  # import, name, how it is run
    "torch": ("import torch", "torch", runners.run_torch),
    "jax": ("import jax", "jax", runners.run_jax),
    "tensorflow": ("import tensorflow as tf", "tf", runners.run_tensorflow),
    "numpy": ("import numpy as np", "np", runners.run_numpy),
}
# How each mode of a framework is asked for; the others are how a function runs by itself.
MODES = {
    "torch:compile": "torch.compile({})",
    "torch:aot_eager": 'torch.compile({}, backend="aot_eager")',
    "jax:jit": "jax.jit({})",
    "tensorflow:graph": "tf.function({})",
    "tensorflow:xla": "tf.function({}, jit_compile=True)",
}
TAPS = '''\
class gradcmp:
    """Stands for gradcmp, whose taps do nothing here."""

    tap = staticmethod(lambda name, value: value)'''


@dataclass(frozen=True)
class Script:
    """The text of a script, and the arrays that lie beside it.

    Attributes
    ----------
    place : Path
        Where it will lie: functions that do not stand alone are found from there.
    """

    failure: Failure
    place: Path

    @property
    def text(self) -> str:
        """The whole of it."""
        blocks = [self._head, *self._imports(), *self._helpers(), *self._functions()]
        blocks += [*self._arrays(), *self._comparison()]
        return "\n\n".join(blocks) + "\n"

    @property
    def beside(self) -> Path:
        """The file of the stored arrays."""
        return self.place.with_suffix(".npz")

    @cached_property
    def stored(self) -> dict[str, Array]:
        """Arrays that are too large to be written out and cannot be drawn again."""
        named = {**self.failure.inputs, **self._upstream}
        return {name: named[name] for name, tree in self._made.items() if tree is None}

    @property
    def archive(self) -> bytes:
        """The content of that file."""
        stream = io.BytesIO()
        np.savez(stream, **self.stored)  # type: ignore[arg-type]
        return stream.getvalue()

    @property
    def _head(self) -> str:
        failure, case = self.failure, self.failure.verdict.case
        reason = failure.comparison.verdict
        about = f"{reason.reason}: {reason.detail}" if reason.detail else reason.reason
        needs = " and ".join(dict.fromkeys(("numpy", *(one.backend.name for one in self._specs))))
        parts = (
            f"{failure.name} of {failure.actual.label} is not that of "
            f"{failure.expected.label} in {failure.expected.dtype}.",
            f"Case {case.name}; {about}.",
            f"It needs {needs}, and ends with 1 where the two differ. Made by gradcmp {VERSION}, "
            "which it does not need.",
        )
        told = "\n\n".join("\n".join(wrap(_said(one), WIDTH)) for one in parts)
        return f'"""{told}\n"""'

    @property
    def _specs(self) -> list[Any]:
        return [self.failure.actual.spec, self.failure.expected.spec]

    @property
    def _runs(self) -> tuple[Run, Run]:
        return self.failure.actual, self.failure.expected

    def _imports(self) -> Iterator[str]:
        frameworks = dict.fromkeys(("numpy", *(run.spec.backend.name for run in self._runs)))
        modules = ["import hashlib"] * self._is_drawn + ["import sys"]
        modules += ["from pathlib import Path"] * bool(self.stored or self._loaded)
        lines = [RUNNERS[name][0] for name in frameworks]
        shown = [f'print("{name}", {RUNNERS[name][1]}.__version__)' for name in frameworks]
        yield "\n".join([*modules, "", *lines, "", *shown])

    def _helpers(self) -> Iterator[str]:
        used = dict.fromkeys(RUNNERS[run.spec.backend.name][2] for run in self._runs)
        helpers: list[Callable[..., Any]] = [runners.named, *used, runners.show]
        helpers += [runners.load] * bool(self._loaded)
        for one in helpers:
            yield f"\n{inspect.getsource(one).rstrip()}"
        if self._is_drawn:
            yield f"\n{RNG}"

    @cached_property
    def _slices(self) -> dict[str, Slice]:
        """By file, the statements that stand alone; names of two files must not meet."""
        names: dict[str, list[str]] = {}
        for run in self._runs:
            home, _, name = run.spec.source.rpartition(":")
            names.setdefault(home, []).append(name.partition(".")[0])
        found: dict[str, Slice] = {}
        for home, those in names.items():
            one = slice_of(Path(home), those) if home.endswith(".py") else None
            taken = {name for other in found.values() for name in other.names}
            if one is not None and not one.names & (taken | RESERVED):
                found[home] = one
        return found

    @property
    def _loaded(self) -> list[Run]:
        """The functions that are imported from their files."""
        homes = [(run, run.spec.source.rpartition(":")[0]) for run in self._runs]
        return [run for run, home in homes if home not in self._slices and home.endswith(".py")]

    def _functions(self) -> Iterator[str]:
        texts = [Path(run.spec.source.rpartition(":")[0]) for run in self._loaded]
        has_taps = any(one.taps for one in self._slices.values())
        if has_taps or any("gradcmp" in file.read_text("utf-8") for file in texts):
            yield f"\n{TAPS}" + ('\n\n\nsys.modules["gradcmp"] = gradcmp' if texts else "")
        for home, one in self._slices.items():
            yield f"\n# {Path(home).name}\n{one.text}"
        yield "\n" + "\n".join(
            f"{variable} = {self._function(run)}"
            for variable, run in zip(
                ("actual_function", "expected_function"), self._runs, strict=True
            )
        )

    def _in_mode(self, run: Run) -> str:
        """Return what is called, compiled as in the case."""
        spec = run.spec.backend
        return MODES.get(f"{spec.name}:{spec.mode}", "{}").format(self._function(run))

    def _function(self, run: Run) -> str:
        """Return an expression for what is called, with its inputs by name."""
        home, _, name = run.spec.source.rpartition(":")
        called = name
        if home not in self._slices:
            called = f'__import__("{home}", fromlist=["_"]).{name}'
            if home.endswith(".py"):
                way = os.path.relpath(home, self.place.parent).replace(os.sep, "/")
                called = f'load(Path(__file__).parent / "{way}", "{name}")'
        taken = taken_by(Path(home), name, [*self.failure.inputs]) if home.endswith(".py") else None
        if taken is None:
            return called
        if taken.is_class:
            return f"{called}()"
        if taken.by_place:  # apply takes no names
            return f"lambda {', '.join(taken.names)}: {called}({', '.join(taken.names)})"
        return called

    @cached_property
    def _upstream(self) -> dict[str, Array]:
        """The cotangents by their keys beside the inputs."""
        return {f"{COTANGENT}/{name}": one for name, one in self.failure.cotangents.items()}

    @cached_property
    def _made(self) -> dict[str, Any]:
        """What makes each array, a tree; None where it is stored."""
        case = self.failure.verdict.case
        made = {}
        for name, array in {**self.failure.inputs, **self._upstream}.items():
            drawn = COTANGENT if name == f"{COTANGENT}/output" else name
            known = name in self._upstream or name in case.inputs
            made[name] = source(case, drawn, array) if known else written(array)
        return made

    @property
    def _is_drawn(self) -> bool:
        return any(tree is not None and "rng(" in ast.unparse(tree) for tree in self._made.values())

    def _arrays(self) -> Iterator[str]:
        """Return the lines that make inputs and cotangents."""
        lines = ["# What both are given, in float64: inputs, and the gradients of the outputs."]
        if self.stored:
            lines.append(f'{STORED} = np.load(Path(__file__).with_suffix(".npz"))')
        for target, names in (
            ("inputs", {name: name for name in self.failure.inputs}),
            ("cotangents", {name: f"{COTANGENT}/{name}" for name in self.failure.cotangents}),
        ):
            lines.append(f"{target} = {{}}")
            for name, key in names.items():
                tree = self._made[key]
                left = f'{target}["{name}"]'
                stored = f'{STORED}["{key}"]'
                lines.append(f"{left} = {stored if tree is None else pretty(tree, len(left) + 3)}")
        yield "\n" + "\n".join(lines)

    def _comparison(self) -> Iterator[str]:
        failure, worst = self.failure, self.failure.comparison.worst
        index = worst.index if worst else ()
        allowed = float(worst.allowed) if worst else 0.0
        lines = [f"wrt = {[*failure.wrt]!r}".replace("'", '"')]
        for variable, run in zip(("actual", "expected"), self._runs, strict=True):
            _, module, runner = RUNNERS[run.spec.backend.name]
            given = f'{module}, {variable}_function, inputs, cotangents, wrt, "{run.dtype}"'
            lines += [f"# {run.label}, in {run.dtype}", f"{variable} = {runner.__name__}({given})"]
        what = f'"{failure.name}"'
        lines += [
            f"both = actual.get({what}), expected.get({what})",
            f"differs = show({what}, *both, {index!r}, {allowed!r})",
            "sys.exit(1 if differs else 0)",
        ]
        yield "\n" + "\n".join(lines)


def _said(text: str) -> str:
    """Return text as it can stand in a docstring."""
    return clean(text).replace("\\", "/").replace('"', "'")


RESERVED = frozenset(
    ("np", "sys", "hashlib", "inputs", "cotangents", "wrt", "actual", "expected", "differs", "rng")
) | {one.__name__ for one in (runners.named, runners.load, runners.show)}
