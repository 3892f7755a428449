"""Arrays laid end to end: every one is treated as if it were alone."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from autocases import CASES, PAIR, draw, record

from gradcmp.case import DTypeTable, Fixed, Ulp
from gradcmp.graph import build
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.elementwise.arrays import compare_all
from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.judge.elementwise.segments import LONGEST, TOGETHER, Segments, batches
from gradcmp.judge.mutation.weak import sensitivity, surely_sensitive

SHAPES = [(3, 4), (), (1,), (7,), (2, 3, 5), (1, 6), (6, 1), (4, 4)]
SEEDS = range(10)


def arrays(seed, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [np.array(rng.standard_normal(s) * 10.0 ** rng.integers(-6, 6)) for s in shapes]


@pytest.mark.parametrize("shapes", [SHAPES, *([one] for one in SHAPES)])
def test_what_is_asked_of_a_strip_is_what_each_array_says(shapes):
    held = arrays(0, shapes)
    strip = Segments(shapes)
    flat = strip.concatenate(held)
    assert all(np.array_equal(*pair) for pair in zip(strip.split(flat), held, strict=True))
    assert strip.largest(flat).tolist() == [array.max() for array in held]
    assert strip.total(flat) == pytest.approx([array.sum() for array in held])
    assert strip.count(flat > 0).tolist() == [np.count_nonzero(array > 0) for array in held]
    assert strip.every(flat > -1).tolist() == [bool(np.all(array > -1)) for array in held]
    spread = np.broadcast_to(strip.broadcast(np.arange(len(shapes))), flat.shape)
    assert spread.tolist() == strip.ids.tolist()
    for i, flat_index in enumerate(strip.first(flat == strip.broadcast(strip.largest(flat)))):
        assert strip.index(i, int(flat_index)) == np.unravel_index(held[i].argmax(), shapes[i])


@pytest.mark.parametrize("shapes", [SHAPES, *([one] for one in SHAPES)])
def test_outer_is_the_product_of_the_means(shapes):
    held = [np.square(array) for array in arrays(1, shapes)]
    strip = Segments(shapes)
    for found, array in zip(strip.split(strip.outer(strip.concatenate(held))), held, strict=True):
        whole = np.broadcast_to(array.mean(), array.shape)
        long = array.reshape([length for length in array.shape if length != 1])
        if long.ndim > 1:
            flat = long.reshape(-1, long.shape[-1])
            whole = np.outer(flat.mean(axis=1), flat.mean(axis=0)) / flat.mean()
        assert found == pytest.approx(whole.reshape(array.shape))


def test_batches_hold_everything_once_and_fit():
    held = [np.zeros(size) for size in (10, TOGETHER, 1, TOGETHER // 2, TOGETHER // 2, 1, 10**6, 3)]
    found = list(batches(range(len(held)), held))
    assert [i for batch in found for i in batch] == list(range(len(held)))
    for batch in found:
        assert len(batch) == 1 or sum(held[i].size for i in batch) <= TOGETHER


def drawn_pairs(seed):
    """Draw pairs of many kinds: equal, close, off, not finite, void, empty, refused, large."""
    rng = np.random.default_rng(seed)
    kinds = ["float64", "float32", "float16", ml_dtypes.bfloat16, "int32", "bool"]
    for shape in [*SHAPES, (0, 3), (LONGEST + 1,), (50, 60)]:
        dtype = kinds[rng.integers(len(kinds))]
        expected = (3 * rng.standard_normal(shape)).astype(dtype)
        actual = (expected.astype(float) * (1 + 1e-6 * rng.standard_normal(shape))).astype(dtype)
        if dtype not in ("int32", "bool") and actual.size and rng.random() < 0.5:
            special = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e30, -1.0])
            with np.errstate(over="ignore"):
                actual.reshape(-1)[rng.integers(actual.size)] = special
                if rng.random() < 0.3:
                    actual[...], expected[...] = np.nan, np.nan
        yield actual, expected
    yield np.zeros(3), np.zeros(4)
    yield np.zeros(3), np.zeros(3, int)
    yield np.zeros(3, complex), np.zeros(3, complex)


def said(comparisons):
    """Return comparisons in words, in which NaN equals NaN, but for sums in another order."""
    sums = {"aa": 0.0, "ee": 0.0, "ae": 0.0}
    alike = [c.with_measured(statistics=replace(c.statistics, **sums)) for c in comparisons]
    return [repr(vars(one)) for one in alike]


@pytest.mark.parametrize("rule", [DTypeTable(), Fixed(1e-7, 0.0), Fixed(0.0, 1e-3), Ulp(3)])
@pytest.mark.parametrize("seed", SEEDS)
def test_side_by_side_pairs_compare_as_each_does_alone(seed, rule):
    pairs = list(drawn_pairs(seed))
    alone = [compare_all([pair], rule)[0] for pair in pairs]
    assert said(compare_all(pairs, rule)) == said(alone)
    assert said(compare_all(pairs, rule, Schedule(together=20))) == said(alone)


@pytest.mark.parametrize("spoil", [np.nan, np.inf, -1.0, 1 + 1e-3])
@pytest.mark.parametrize("which", range(len(SHAPES)))
def test_one_spoiled_array_is_found_and_its_neighbours_are_not_touched(which, spoil):
    held = arrays(2)
    pairs = [(array.copy(), array) for array in held]
    pairs[which][0].reshape(-1)[-1] *= spoil
    found = compare_all(pairs, Fixed(1e-5, 0.0))
    assert [c.agrees for c in found] == [i != which for i in range(len(SHAPES))]
    assert found[which].worst.index == tuple(length - 1 for length in SHAPES[which])


@pytest.mark.parametrize("name", ["deep", *list(CASES)[:3]])
@pytest.mark.parametrize("twin", [True, False])
def test_under_auto_tensors_are_judged_as_each_is_alone(name, twin):
    chosen = CASES[name]
    inputs = draw(chosen)
    ours, fine, base = (
        record(label, chosen, inputs, dtype)
        for label, dtype in (("torch", "float32"), ("torch", "float64"), ("numpy", "float64"))
    )
    sides = {"numpy": base, "torch": ours}
    rule = NoiseJudge(
        GraphNoise(build(chosen), base), "numpy", sides, {"torch": fine} if twin else {}
    )
    tensors = {n: (ours.tensors[n], base.tensors[n]) for n in ours.tensors if "/" not in n}
    together = rule.compare(PAIR, tensors)
    for tensor, arrays_of in tensors.items():
        assert rule.compare(PAIR, {tensor: arrays_of})[tensor] == together[tensor]


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_plainly_has_teeth_has(seed, dtype):
    rng = np.random.default_rng(seed)
    held = arrays(seed)
    held[0][:] = 0.0
    held[7] = held[7] + held[7].T  # symmetric: transposed is no mutant
    limits = [np.abs(a) * 10.0 ** rng.uniform(-6, 1, a.shape) for a in held]
    strip = Segments([a.shape for a in held])
    plain = surely_sensitive(strip, strip.concatenate(held), strip.concatenate(limits), dtype)
    for one, gradient, limit in zip(plain, held, limits, strict=True):
        assert not (one and sensitivity(gradient, limit, dtype).weak)
    if dtype == "float32":
        tight = surely_sensitive(
            strip,
            strip.concatenate(held),
            strip.concatenate([1e-7 * np.abs(a) for a in held]),
            dtype,
        )
        assert tight == [False, *[True] * 6, False]  # a symmetric one takes a closer look


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_an_allowance_or_a_gradient_that_is_not_finite_has_no_plain_teeth(unknown):
    gradient = np.array([1.0, unknown, 2.0])
    strip = Segments([(3,), (3,)])
    flat = strip.concatenate([gradient, np.ones(3)])
    assert surely_sensitive(strip, flat, 1e-7 * np.ones(6), "float32") == [False, True]


def test_the_verdict_on_many_tensors_survives_small_batches():
    chosen = CASES["deep"]
    inputs = draw(chosen)
    ours, fine, base = (
        record(label, chosen, inputs, dtype)
        for label, dtype in (("torch", "float32"), ("torch", "float64"), ("numpy", "float64"))
    )
    tensors = {n: (ours.tensors[n], base.tensors[n]) for n in ours.tensors if "/" not in n}
    sides = {"numpy": base, "torch": ours}
    rules = [
        NoiseJudge(
            GraphNoise(build(chosen), base), "numpy", sides, {"torch": fine}, together=together
        )
        for together in (TOGETHER, 1)
    ]
    whole, split = (rule.compare(PAIR, tensors) for rule in rules)
    for name, one in whole.items():
        other = split[name]
        assert (other.verdict, other.rule, other.total) == (one.verdict, one.rule, one.total)
        assert other.worst.excess == pytest.approx(one.worst.excess)
