"""Each framework's own way to a gradient, as a section of a program."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gradcmp.explain.program import Cell, Program
from gradcmp.explain.reference.textbook import COTANGENT
from gradcmp.explain.reference.trees import TAB, call, name

Section = Callable[[Program], Iterator[Cell]]


@dataclass(frozen=True)
class Idiom:
    """One framework.

    Attributes
    ----------
    title : str
        What people call it.
    section : callable
        ``section(program)`` gives the cells that follow NumPy's.
    """

    title: str
    section: Section


def tensorflow(program: Program) -> Iterator[Cell]:
    """Return the section of TensorFlow: `tf.GradientTape`."""
    dtype = program.dtype("tensorflow")
    code = ["import tensorflow as tf", "", 'print("tensorflow", tf.__version__)']
    for one, kind in _inputs(program):
        real = f", dtype=tf.{dtype}" if kind == "float" else ""
        code.append(f'{one} = tf.constant(inputs["{one}"]{real})')
    yield Cell(f"The same inputs in {dtype}.", "\n".join(code))

    def number(tree: ast.expr) -> ast.expr:
        return call(name("tf.constant"), [tree], dtype=name(f"tf.{dtype}"))

    wrt, gradients, output = _names(program)
    forward = program.native("tensorflow", "tf", number)
    arguments = [output, _list(wrt)]
    if program.cotangent.shape:
        arguments.append(f"output_gradients=tf.constant({COTANGENT}, dtype=tf.{dtype})")
    if not all(map(program.book.reaches, program.case.wrt)):
        arguments.append("unconnected_gradients=tf.UnconnectedGradients.ZERO")
    code = [
        "with tf.GradientTape() as tape:",
        f"{TAB}tape.watch({_list(wrt)})",
        *_indented(forward),
        f"{_list(gradients)} = tape.gradient({', '.join(arguments)})",
    ]
    for of, gradient in zip(program.case.wrt, gradients, strict=True):
        # What is gathered comes back as slices.
        if any(node.op == "take" and of in node.sources for node in program.graph):
            code.append(f"{gradient} = tf.convert_to_tensor({gradient})")
    yield Cell("The tape watches the forward pass.", "\n".join([*code, *_shown(gradients)]))
    actual = {one: f"{one}.numpy()" for one in (output, *gradients)}
    yield Cell("Against NumPy.", program.comparison("tensorflow", actual))


def torch(program: Program) -> Iterator[Cell]:
    """Return the section of PyTorch: `backward()`."""
    dtype = program.dtype("torch")
    wrt, gradients, output = _names(program)
    code = ["import torch", "", 'print("torch", torch.__version__)']
    for one, kind in _inputs(program):
        real = f", dtype=torch.{dtype}" if kind == "float" else ""
        watched = ", requires_grad=True" if one in wrt else ""
        code.append(f'{one} = torch.tensor(inputs["{one}"]{real}{watched})')
    yield Cell(f"The same inputs in {dtype}.", "\n".join(code))

    def number(tree: ast.expr) -> ast.expr:
        return call(name("torch.tensor"), [tree], dtype=name(f"torch.{dtype}"))

    reached = [program.book.reaches(of) for of in program.case.wrt]
    upstream = f"torch.tensor({COTANGENT}, dtype=torch.{dtype})" if program.cotangent.shape else ""
    code = program.native("torch", "torch", number)
    code += [f"{output}.backward({upstream})"] * any(reached)
    for one, gradient, known in zip(wrt, gradients, reached, strict=True):
        code.append(f"{gradient} = {f'{one}.grad' if known else f'torch.zeros_like({one})'}")
    yield Cell("Autograd remembers the forward pass.", "\n".join([*code, *_shown(gradients)]))
    actual = {one: f"{one}.detach().double().numpy()" for one in (output, *gradients)}
    yield Cell("Against NumPy.", program.comparison("torch", actual))


def jax(program: Program) -> Iterator[Cell]:
    """Return the section of JAX: `jax.value_and_grad`, or `jax.vjp` for an output with axes."""
    dtype = program.dtype("jax")
    code = ["import jax", "import jax.numpy as jnp", "", 'print("jax", jax.__version__)']
    if dtype == "float64":
        code.append('jax.config.update("jax_enable_x64", True)')
    for one, kind in _inputs(program):
        real = f", dtype=jnp.{dtype}" if kind == "float" else ""
        code.append(f'{one} = jnp.asarray(inputs["{one}"]{real})')
    yield Cell(f"The same inputs in {dtype}.", "\n".join(code))

    def number(tree: ast.expr) -> ast.expr:
        return call(name("jnp.asarray"), [tree], dtype=name(f"jnp.{dtype}"))

    wrt, gradients, output = _names(program)
    parameters = ", ".join(wrt)
    code = [
        f"def forward({parameters}):",
        *_indented(program.native("jax", "jax", number)),
        f"{TAB}return {output}",
        "",
        "",
    ]
    if program.cotangent.shape:
        code += [
            f"{output}, pullback = jax.vjp(forward, {parameters})",
            f"{_list(gradients)} = pullback(jnp.asarray({COTANGENT}, dtype=jnp.{dtype}))",
        ]
    else:
        places = tuple(range(len(wrt)))
        differentiate = f"jax.value_and_grad(forward, argnums={places})"
        code.append(f"{output}, {_list(gradients)} = {differentiate}({parameters})")
    yield Cell("A function is differentiated as a whole.", "\n".join([*code, *_shown(gradients)]))
    yield Cell(
        "Against NumPy.", program.comparison("jax", {one: one for one in (output, *gradients)})
    )


IDIOMS: Mapping[str, Idiom] = {
    "tensorflow": Idiom("TensorFlow", tensorflow),
    "torch": Idiom("PyTorch", torch),
    "jax": Idiom("JAX", jax),
}


def _inputs(program: Program) -> Iterator[tuple[str, str]]:
    """Return each input's name in the code and its kind."""
    for one in program.graph.inputs:
        yield program.name(one), program.specs[one].kind


def _names(program: Program) -> tuple[list[str], list[str], str]:
    """Return what is differentiated by, its gradients and the output, as the code calls them."""
    wrt = program.case.wrt
    gradients = [program.book.names.gradient(one) for one in wrt]
    return [program.name(one) for one in wrt], gradients, program.name(program.graph.output)


def _list(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


def _shown(names: list[str]) -> list[str]:
    return [f'print("{one} =", {one})' for one in names]


def _indented(lines: list[str]) -> list[str]:
    return [TAB + part for line in lines for part in line.splitlines()]
