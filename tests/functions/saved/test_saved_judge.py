"""Recordings of functions are judged as the functions themselves are: truth is the live verdict."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import pytest
from surroundings import framework

from gradcmp.case import Auto, CodeSpec, DTypeTable, Ulp
from gradcmp.errors import RecordingError
from gradcmp.functions.compare import compare_sides
from gradcmp.functions.question import arrays_of, case_of
from gradcmp.functions.saved.account import Witnessed
from gradcmp.functions.saved.judge import judge_recorded
from gradcmp.functions.saved.keep import kept
from gradcmp.functions.sides import at_one_point
from gradcmp.judge.verdict import Pair
from gradcmp.native.frameworks import engine
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Recording, from_bytes, to_bytes

torch = framework("torch")

pytestmark = pytest.mark.frameworks


def norm(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


def fused(spoil_x=lambda d: d, spoil_w=lambda d: d, spoil_y=lambda y: y):
    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)
            ctx.save_for_backward(x, w, r)
            return spoil_y(x * r * w)

        @staticmethod
        def backward(ctx, dy):
            x, w, r = ctx.saved_tensors
            n, dn = x * r, dy * w
            dx = r * (dn - n * (dn * n).mean(-1, keepdim=True))
            return spoil_x(dx), spoil_w((dy * n).sum(0))

    return Fused.apply


def in_float32(spoil):
    return lambda d: d if d.dtype == torch.float64 else spoil(d)


def by_hand(x, w):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + np.asarray(1e-5, x.dtype))
    n = x * r

    def pullback(dy):
        dn = dy * w
        return {"x": r * (dn - n * (dn * n).mean(-1, keepdims=True)), "w": (dy * n).sum(0)}

    return n * w, pullback


def relu(x, w):
    return torch.relu(x * w), (x * w).sum()


def relu_otherwise(x, w):
    return torch.where(x * w >= 0, x * w, torch.zeros(())), (x * w).sum()


def more(x, w):
    return {"output": norm(x, w), "more": x.sum()}


def flipped(d):
    return -d


def a_little(d):
    return d * 1.00003


def one_element(d):
    d = d.clone()
    d[0, 1] *= 1.01
    return d


NORM = {"x": "normal:8x6", "w": "ones:6"}
TIED = {"x": "values", "w": "ones:6"}
SCENES = {
    "right": ({"eager": norm, "fused": fused()}, NORM),
    "flipped": ({"eager": norm, "fused": fused(spoil_w=flipped)}, NORM),
    "a factor": ({"eager": norm, "fused": fused(a_little)}, NORM),
    "one element": ({"eager": norm, "fused": fused(one_element)}, NORM),
    "a factor in one dtype alone": ({"eager": norm, "fused": fused(in_float32(a_little))}, NORM),
    "flipped in one dtype alone": ({"eager": norm, "fused": fused(in_float32(flipped))}, NORM),
    "the forward pass": ({"eager": norm, "fused": fused(spoil_y=a_little)}, NORM),
    "the reference": ({"eager": fused(flipped), "fused": norm}, NORM),
    "NumPy": ({"eager": norm, "numpy": by_hand}, NORM),
    "NumPy alone": ({"numpy": by_hand, "other": by_hand}, NORM),
    "one output more": ({"eager": norm, "other": more}, NORM),
    "ties": ({"eager": relu, "other": relu_otherwise}, TIED),
}


def asked(functions, inputs, dtype):
    given = dict(inputs)
    if given["x"] == "values":
        given["x"] = np.where(np.arange(24) % 5 == 0, 0.0, np.linspace(-2, 3, 24)).reshape(4, 6)
    case = case_of("scene", given, functions, dtype, 0, "random", False, "cpu", "off")
    specs = {name: CodeSpec(f"f.py:{name}", case.backends[0]) for name in functions}
    case = replace(case, code=specs, reference=next(iter(functions)))
    return case, arrays_of(case, given)


def maker(case, label, function):
    name = "numpy" if function is by_hand else "torch"

    def make(arrays, wrt, handed):
        cotangents = DrawnCotangents(case)
        return engine(name).prepare(function, arrays, wrt=wrt, cotangents=cotangents, seed=0)

    return make


def live_and_kept(scene, dtype="float32"):
    return _live_and_kept(scene, dtype)


@lru_cache
def _live_and_kept(scene, dtype):
    """Return the live verdict, and recordings that were written and read again."""
    functions, inputs = SCENES[scene]
    case, arrays = asked(functions, inputs, dtype)
    makers = {label: maker(case, label, function) for label, function in functions.items()}
    sides = at_one_point(case, makers, arrays, None, case.reference)
    found = {
        label: kept(
            case,
            Witnessed(
                label, side, side.plain(dtype), side.clean(dtype), dtype, DrawnCotangents(case)
            ),
        )
        for label, side in sides.ready.items()
    }
    read = {label: from_bytes(to_bytes(one)) for label, one in found.items()}
    return compare_sides(case, sides, case.reference), MappingProxyType(read)


def told(verdict):
    return {
        (pair, name): (one.agrees, one.verdict.reason, verdict.wrong_sides(pair, name))
        for pair, by in verdict.comparisons.items()
        for name, one in by.items()
    }


def judged(read, tolerance=None, pairs=()):
    origin = next(iter(read.values())).origin
    return judge_recorded(origin, read, tolerance or Auto(), pairs)


FINE = ("right", "flipped", "a factor")  # scenes that are looked at in float64, too
COARSE = ("right", "a factor", "a factor in one dtype alone", "ties")  # and always in bfloat16


@pytest.mark.parametrize(
    ("scene", "dtype"),
    [
        *((s, "float32") for s in SCENES),
        *(
            pytest.param(s, "bfloat16", marks=() if s in COARSE else pytest.mark.thorough)
            for s in SCENES
        ),
        *((s, "float64") for s in FINE),
    ],
)
def test_files_give_the_verdict_of_a_live_run(scene, dtype):
    live, read = live_and_kept(scene, dtype)
    found = judged(read)
    assert found.reference == live.reference
    assert found.exit_code == live.exit_code
    assert told(found) == told(live)


@pytest.mark.parametrize(
    ("scene", "name", "wrong"),
    [
        ("flipped", "d w", "fused"),
        ("a factor", "d x", "fused"),
        ("one element", "d x", "fused"),
        ("a factor in one dtype alone", "d x", "fused"),
        ("the reference", "d x", "eager"),
    ],
)
def test_who_is_wrong_is_told_by_the_recorded_slope_alone(scene, name, wrong):
    _, read = live_and_kept(scene)
    pair = Pair("fused", "eager")
    found = judged(read, pairs=[pair])
    assert not found.agrees
    assert wrong in found.wrong_sides(pair, name)
    assert [*found.comparisons] == [pair]


def test_without_slopes_nobody_is_named_and_the_verdict_says_what_is_not_known():
    _, read = live_and_kept("flipped")
    silent = {
        label: replace(one, account=replace(one.account, slopes={}, unknown=("slopes",)))
        for label, one in read.items()
    }
    found = judged(silent, pairs=[Pair("fused", "eager")])
    assert not found.agrees
    assert found.wrong_sides(Pair("fused", "eager"), "d w") == ()
    assert found.untold == ("the recordings of eager and fused do not tell: slopes",)


def test_precision_is_not_earned_without_the_nudged_runs():
    """Sabotage: what tells a wrong kernel from rounding is taken out of the file."""
    _, read = live_and_kept("a factor in one dtype alone")
    spoilt = {**read, "fused": replace(read["fused"], own_noise={})}
    (one,) = judged(spoilt, pairs=[Pair("fused", "eager")]).disagreements
    assert (one[1], one[2].verdict.reason) == ("d x", "suspect")


def test_without_any_float64_run_the_table_judges_and_that_is_said():
    _, read = live_and_kept("right")
    plain = {label: replace(one, twin=None) for label, one in read.items()}
    found = judged(plain)
    assert found.agrees
    assert "no recording has a float64 run" in found.not_auto
    _, read = live_and_kept("flipped")
    assert not judged({label: replace(one, twin=None) for label, one in read.items()}).agrees


def test_one_float64_run_serves_both():
    _, read = live_and_kept("flipped")
    one = {**read, "eager": replace(read["eager"], twin=None)}
    assert not judged(one, pairs=[Pair("fused", "eager")]).agrees


@pytest.mark.parametrize("tolerance", [DTypeTable(), Ulp(4)])
def test_other_tolerances(tolerance):
    _, read = live_and_kept("flipped")
    found = judged(read, tolerance)
    assert found.case.tolerance == tolerance
    assert not found.agrees


@pytest.mark.parametrize("part", ["values", "gradients", "twin"])
def test_arrays_of_other_inputs_are_refused(part):
    _, read = live_and_kept("right")
    one = read["fused"]
    spoilt = {
        "values": lambda: replace(one, values={**one.values, "x": -one.values["x"]}),
        "gradients": lambda: replace(
            one, gradients={**one.gradients, "output": -one.gradients["output"]}
        ),
        "twin": lambda: replace(
            one, twin=replace(one.twin, values={**one.twin.values, "w": 2 * one.twin.values["w"]})
        ),
    }
    with pytest.raises(RecordingError, match="the recording of 'fused'"):
        judged({**read, "fused": spoilt[part]()})


def test_a_recording_without_its_account_is_refused():
    _, read = live_and_kept("right")
    with pytest.raises(RecordingError, match="says nothing of its function"):
        judged({**read, "fused": replace(read["fused"], account=None)})


@pytest.mark.parametrize("twins", [True, False])
@pytest.mark.parametrize("pairs", [(), [Pair("other", "eager")]])
def test_functions_that_do_not_return_the_same_are_not_compared(pairs, twins):
    _, read = live_and_kept("one output more")
    kept = read if twins else {label: replace(one, twin=None) for label, one in read.items()}
    (failure,) = judged(kept, pairs=pairs).failures
    assert (failure.backend, "'more'" in failure.message) == ("other", True)


def changed(recording: Recording) -> bytes:
    """Return its file with one number of its noise grown, the digest as it was."""
    blob = bytearray(to_bytes(recording))
    noise = np.ascontiguousarray(recording.account.noise["d w"]).tobytes()
    place = bytes(blob).index(noise)
    blob[place : place + 8] = np.float64(1e9).tobytes()
    return bytes(blob)


def test_the_digest_covers_the_noise():
    """Sabotage: noise that was made larger would let everything pass."""
    _, read = live_and_kept("flipped")
    with pytest.raises(RecordingError, match="one of them has been changed since"):
        from_bytes(changed(read["fused"]))
