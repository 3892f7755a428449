"""A gradient that is wrong in the tested dtype alone fails, however right its float64 run is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trial import Trial

from gradcmp import api
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import ONCE, Effort
from gradcmp.cli import main
from gradcmp.judge.recorded.pair import judge_against_golden
from gradcmp.recording.files import write
from gradcmp.workers.wire import job_from_bytes, request_to_bytes

RNG = np.random.default_rng(3)
X, Y, Z = (RNG.standard_normal((4, 3)).astype("f4").astype("f8") for _ in range(3))
SEED = {"node1": "X * Y", "node2": "node1 + Z", "node3": "sum(node2)"}  # d X = Y, d Y = X, d Z = 1
INPUTS = {"X": X, "Y": Y, "Z": Z}


def one(array, factor):
    wrong = array.copy()
    wrong[1, 1] *= factor
    return wrong


WRONG = {
    "negated": lambda d: -d,
    "zero": np.zeros_like,
    "times 1.001": lambda d: d * 1.001,
    "times 1.00001": lambda d: d * 1.00001,
    "one element times 1.0001": lambda d: one(d, 1.0001),
    "a row of zeros": lambda d: d * (np.arange(4) != 2)[:, None],
    "reversed": lambda d: d[::-1],
    "doubled": lambda d: 2 * d,
}
COARSE = {name: WRONG[name] for name in ("negated", "zero", "a row of zeros", "doubled")}
COARSE["times 1.25"] = lambda d: d * 1.25


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_float32_alone_fails(spoil):
    assert not Trial(SEED, INPUTS, alone={"d Y": spoil(X)}).agrees("d Y")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("spoil", COARSE.values(), ids=COARSE)
def test_what_is_wrong_in_a_half_dtype_alone_fails(spoil, dtype):
    assert not Trial(SEED, INPUTS, alone={"d Y": spoil(X)}, dtype=dtype).agrees("d Y")


def test_a_value_that_is_wrong_in_float32_alone_fails():
    assert not Trial(SEED, INPUTS, alone={"node1": X * Y * 1.01}).agrees("node1")


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_both_dtypes_fails(spoil):
    assert not Trial(SEED, INPUTS, both={"d Y": spoil(X)}).agrees("d Y")


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_a_small_difference_in_float64_excuses_nothing_in_float32(spoil):
    """As of a constant that float64 has in float32's digits only."""
    small = X * (1 + 1e-8)
    assert Trial(SEED, INPUTS, both={"d Y": small}).reason("d Y") == "note"
    assert not Trial(SEED, INPUTS, both={"d Y": small}, alone={"d Y": spoil(X)}).agrees("d Y")


@pytest.mark.parametrize("name", ["negated", "zero", "doubled", "reversed"])
def test_what_has_a_cause_is_never_precision(name):
    trial = Trial(SEED, INPUTS, alone={"d Y": WRONG[name](X)})
    assert trial.finding("d Y").causes
    assert trial.reason("d Y") != "precision"


def recorded(alone=None):
    """Return the recording of a side, and of its float64 run, which is right."""
    return Trial(SEED, INPUTS, alone=alone).kept


@pytest.mark.parametrize(
    "backend",
    [
        "torch",
        "jax",
        "numpy",
    ],
)
def test_a_recording_that_is_wrong_in_float32_alone_fails(backend, tmp_path, capsys):
    write(tmp_path / "wrong.safetensors", recorded(alone={"d Y": -X, "d X": np.zeros((4, 3))}))
    right = recorded().twin if backend == "numpy" else recorded()
    right = replace(right, backend=backend, origin=recorded().origin)
    write(tmp_path / "right.safetensors", right)
    files = [str(tmp_path / f"{name}.safetensors") for name in ("wrong", "right")]
    assert main(["diff", *files]) == 1


def test_a_recording_that_is_right_agrees_with_itself(tmp_path, capsys):
    for name in ("one", "other"):
        write(tmp_path / f"{name}.safetensors", recorded())
    files = [str(tmp_path / f"{name}.safetensors") for name in ("one", "other")]
    assert main(["diff", *files]) == 0


def test_a_golden_run_fails_where_float32_alone_went_wrong():
    now, golden = recorded(alone={"d Y": -X}), recorded()
    judged = judge_against_golden(now.origin, {"torch": now}, {"torch": golden})
    assert not judged.agrees


class Bench:
    """A backend that computes with NumPy in this process, and does something wrong."""

    def __init__(self, spoil, dtypes):
        self.spoil = spoil
        self.asked = dict.fromkeys(dtypes, 0)

    def run(self, requests):
        for request in requests:
            job = job_from_bytes(request_to_bytes(request))
            answer = NumpyBackend("cpu").record(replace(job, mode="manual"))
            dtype = request.spec.dtype
            if request.spec.name == "torch" and dtype in self.asked:
                self.asked[dtype] += 1
                answer = self.spoil(answer, self.asked[dtype])
            yield request, answer


def negate(answer, asked):
    return replace(answer, gradients={name: -d for name, d in answer.gradients.items()})


def live(spoil, effort=ONCE, dtypes=("float32",)):
    return api.run(recorded().origin.case, Bench(spoil, dtypes), effort)


def test_a_right_live_backend_agrees():
    assert live(lambda answer, asked: answer).agrees


def test_a_live_backend_that_is_wrong_in_float32_alone_fails():
    assert not live(negate).agrees


def test_a_run_that_is_wrong_once_fails():
    judged = live(lambda answer, asked: negate(answer, asked) if asked == 2 else answer, Effort(2))
    assert judged.unsteady
    assert not judged.agrees


def test_a_node_that_is_wrong_by_itself_fails():
    def spoil(answer, asked):
        return negate(answer, asked) if asked > 1 else answer

    judged = live(spoil, Effort(isolate=True), dtypes=("float32", "float64"))
    if all(one.agrees for one in judged.isolated.values()):
        pytest.fail("no node was told to be wrong", pytrace=False)
    assert not judged.agrees
