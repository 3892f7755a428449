"""Small cases and ways to record and spoil them, for tests of tolerance auto."""

import re
from dataclasses import replace

import numpy as np

from gradcmp.case import Auto, BackendSpec, Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.graph.walk import constants_of
from gradcmp.judge import judge
from gradcmp.judge.noise.own import nudged_inputs, own_noise
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Recording, numpy_dtype

PAIR = Pair("torch", "numpy")
# The cotangent of a scalar output: drawn at random once, and a number of every dtype.
UPSTREAM = float(np.random.default_rng(8).standard_normal(1).astype(numpy_dtype("bfloat16"))[0])


def case(strict=False, **graph):
    text = " ".join(graph.values())
    names = [name for name in "xyz" if re.search(rf"\b{name}\b", text)]
    return Case(
        "auto",
        {name: InputSpec("normal", (4, 3)) for name in names},
        {name: Expression(one) for name, one in graph.items()},
        list(graph)[-1],
        tuple(names),
        (BackendSpec("numpy"), BackendSpec("torch")),
        Auto(),
        strict=strict,
    )


def record(label, case, inputs, dtype, graph=None):
    """Compute in `dtype` with the reference's own lines, or those of another graph."""
    there = build(graph or case)
    kind = numpy_dtype(dtype)
    held = {name: array.astype(kind) for name, array in inputs.items()}
    with np.errstate(all="ignore"):
        tape = forward(there, held, constants_of(kind))
    rng = np.random.default_rng(7)
    shape = tape.values[there.output].shape
    cotangent = rng.standard_normal(shape) if shape else np.asarray(UPSTREAM)
    with np.errstate(all="ignore"):
        gradients = backward(there, tape, cotangent.astype(np.float32).astype(kind))
    return Recording(label, dtype, tape.values, gradients)


def draw(case, seed=0, **others):
    rng = np.random.default_rng(seed)
    shapes = {name: (4, 3) for name in case.inputs}
    drawn = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return {
        name: np.asarray(array, np.float32).astype(np.float64)
        for name, array in {**drawn, **others}.items()
    }


def verdict(case, inputs, wrong=None, twin=True, dtype="float32", spoil=None, live=True):
    """Judge torch, which computes `wrong` if given and whose arrays `spoil` may change.

    What is `live` runs again at nudged inputs where the judge asks for it.
    """

    def run(arrays, one):
        recording = record("torch", case, arrays, one, wrong)
        return spoil(recording) if spoil else recording

    ours, fine = run(inputs, dtype), run(inputs, "float64")
    outcomes = {"numpy": record("numpy", case, inputs, "float64"), "torch": ours}
    twins = {"torch": fine} if twin else {}
    judged = judge(case, "numpy", outcomes, twins)
    if not (judged.unearned and live):
        return judged
    kind = numpy_dtype(dtype)
    nudged = [
        (run(near, dtype), run(near, "float64"))
        for arrays in nudged_inputs(inputs, dtype)
        for near in [{name: x.astype(kind).astype(np.float64) for name, x in arrays.items()}]
    ]
    own = own_noise(dtype, (ours, fine), nudged, fine.tensors)
    return judge(case, "numpy", {**outcomes, "torch": replace(ours, own_noise=own)}, twins)


def reasons(judged):
    return {name: c.verdict.reason for name, c in judged.comparisons[PAIR].items()}


def spoiled(name, change):
    def spoil(recording):
        gradients = {**recording.gradients, name: change(recording.gradients[name])}
        return replace(recording, gradients=gradients)

    return spoil


def one_element(factor):
    def change(array):
        array = array.copy()
        array.flat[5] *= factor
        return array

    return change


CASES = {
    "product": case(a="x * y", out="sum(a + z)"),
    "softmax": case(a="softmax(x * 3, axis=1)", out="a * y"),
    "cancellation": case(a="x * 1000 + y", out="sum((a - x * 1000) ** 2)"),
    "deep": case(a="tanh(x @ transpose(y))", b="exp(a) / (1 + exp(a))", out="logsumexp(b, axis=0)"),
}
