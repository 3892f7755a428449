"""A verdict of each kind, and what its first lines must say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gradcmp.case import Auto
from gradcmp.errors import Location
from gradcmp.judge.blame import Group, Groups, Ruling
from gradcmp.judge.comparison import STAYS, Element, Noise, Statistics, Verdict
from gradcmp.judge.verdict import Cause, Divergence, Finding, Pair, Sensitivity
from gradcmp.recording import Failure

FOUR = ("numpy", "tensorflow", "torch", "jax")
PAIR = Pair("torch", "numpy")
NAN = math.nan
NOISE = Noise(20.0, 3.0, 8.0, 6.0, 4e5, -0.3, 6.7)
WORST = Element((1, 2), 1.0, -1.0, 2.0, 2.0, 1.7e7, 4e-5)
SIGN = Cause("the sign is flipped", 0.7)
WORDS = {  # by kind: the title, and what else the first lines must say
    "bug": (
        "✗ seed: torch's gradient of Y is wrong (bug, not rounding)",
        "the sign is flipped, in 6 of 6 elements",
        "first divergence backward, at d Y; all forward values agree",
        "worst [1,2] 1: torch | -1: numpy, tensorflow, jax",
        "difference 2 = 20 × noise (limit 8); 1.7e7 ULP",
        "2 downstream tensors follow from it: d node1, d X",
        "reproduce gradcmp run seed.yaml --case seed -b torch --seed 7",
    ),
    "suspect": (
        "✗ seed: torch's gradient of Y is wrong (suspect)",
        "no float64 run could tell rounding from a bug",
    ),
    "tolerance": (
        "✗ seed: torch and numpy disagree in the gradient of Y (beyond the tolerance)",
        "torch 1 numpy -1 difference 2 = 5e4 × what is allowed; 1.7e7 ULP",
    ),
    "value": (
        "✗ seed: torch's value of node1 is wrong (bug, not rounding)",
        "first divergence forward, at node1; what it is made from agrees",
    ),
    "reference": (
        "✗ seed: numpy's gradient of Y is wrong (bug, not rounding); numpy is the reference",
        "1: numpy | -1: tensorflow, torch, jax",
    ),
    "nan": (
        "✗ seed: the gradient of Y is wrong in numpy, torch and jax (NaN or infinity); numpy is "
        "the reference",
        "worst [1,2] NaN: numpy, torch, jax | 0: tensorflow the derivative is 0",
    ),
    "range": ("✗ seed: torch's value of node1 overflows", "worst [1,2] torch inf numpy 1e39"),
    "shape": ("✗ seed: torch's gradient of Y has another shape", "(3,) against (2, 3)"),
    "dtype": ("✗ seed: torch's gradient of Y has another dtype", "torch declares float32"),
    "missing": ("✗ seed: torch has no gradients of Y and X", "7 other tensors agree"),
    "precision": (
        "! seed: 4 backends agree in 9 tensors, with a warning: torch loses digits in the gradient "
        "of Y (precision)",
        "in float64 it shrinks",
    ),
    "note": (
        "! seed: 4 backends agree in 9 tensors, with a warning: a real difference hides below the "
        "noise in the gradient of Y (note)",
        "worst d Y[1,2] torch 1 numpy -1",
    ),
    "kink": (
        "! seed: 4 backends agree in 9 tensors, with a warning: another subgradient in the "
        "gradient of Y, at a non-differentiable point (kink)",
    ),
    "weak": (
        "! seed: 4 backends agree in 9 tensors, by 2 weak checks",
        "weak check d Y, d X: a gradient of zero would go unnoticed",
    ),
    "strict": ("✗ seed: under strict: torch loses digits in the gradient of Y (precision)",),
    "weak and strict": ("✗ seed: under strict: 2 checks would let a wrong gradient pass",),
    "crashed": (
        "? seed: could not compare: jax crashed; the rest agrees",
        "not compared jax crashed: the worker was ended by signal 11",
    ),
    "absent": (
        "✓ seed: numpy, tensorflow and torch agree in 9 tensors",
        "not compared jax absent, optional: backend 'jax' is not installed",
    ),
    "nothing": ("? seed: could not compare: nothing was compared with anything: the worker was",),
    "expected": (
        "✓ seed: 4 backends agree in 9 tensors, but for what is expected: torch's gradient of Y "
        "is wrong (bug, not rounding)",
        "expected lost in bfloat16 (until 2030-01-02)",
    ),
    "outdated": ("✗ seed: known.yaml:3: 'lost' has come to agree, remove it",),
    "two": (
        "✗ seed: jax's gradient of Z is wrong (bug, not rounding)",
        "also torch's gradient of Y is wrong (bug, not rounding)",
        "✗ torch's gradient of Y is wrong (bug, not rounding)",
    ),
    "agree": ("✓ seed: 4 backends agree in 9 tensors", "worst d Y[0,1]", "0.5 ULP"),
}
CRASH = Failure("jax", "crashed", "the worker was ended by signal 11 (SIGSEGV)", "Segfault\n")
ABSENT = Failure("jax", "absent", "backend 'jax' is not installed", required=False)


def compared(verdict, found, *names, labels=("torch",), **change):
    """Return a verdict in which some differ from all others."""
    comparisons = {
        pair: {
            name: replace(
                one.with_measured(
                    worst=WORST if pair.actual in labels else replace(WORST, actual=-1, expected=1),
                    statistics=Statistics(6, max_absolute=2.0, max_ulp=1.7e7),
                    **change,
                ),
                verdict=found,
                disagreeing=0 if found.agrees else 6,
            )
            if name in names and (pair.actual in labels) != (pair.expected in labels)
            else one
            for name, one in by.items()
        }
        for pair, by in verdict.comparisons.items()
    }
    return replace(verdict, comparisons=comparisons)


def groups(wrong, value=1.0, other=-1.0, **more):
    right = tuple(label for label in FOUR if label not in wrong)
    return Groups((1, 2), (Group(right, other, False), Group(wrong, value, True)), **more)


def by_kind(make):
    """Return a verdict of each kind."""
    plain = make(FOUR)
    case = replace(plain.case, tolerance=Auto(), where=Location("seed.yaml", 1))
    plain = replace(plain, case=case)
    bug = Verdict(False, "bug", STAYS)
    precision = Verdict(True, "precision", "in float64 it shrinks as rounding does")
    blamed = {"d Y": groups(("torch",))}
    one = compared(plain, bug, "d Y", "d node1", "d X", noise=NOISE)
    parts = dict.fromkeys(("d Y", "d node1", "d X"), Divergence(None, "d Y"))
    finding = {"d Y": Finding((SIGN,), "torch")}
    wrong = replace(
        one,
        groups=blamed,
        divergences=dict.fromkeys(one.comparisons, parts),
        findings=dict.fromkeys(one.comparisons, finding),
    )
    untold = Verdict(False, "suspect", "no float64 run could tell rounding from a bug")
    lost = replace(compared(plain, precision, "d Y", noise=NOISE), groups=blamed)
    nan = replace(WORST, actual=NAN, expected=0.0, absolute=NAN, relative=NAN, ulp=NAN)
    three = ("numpy", "torch", "jax")
    poisoned = compared(plain, Verdict(False, "non-finite"), "d Y", labels=three)
    poisoned = replace(
        poisoned,
        comparisons={
            pair: {
                name: one
                if one.agrees
                else one.with_measured(
                    worst=nan if pair.actual in three else replace(nan, actual=0.0, expected=NAN),
                )
                for name, one in by.items()
            }
            for pair, by in poisoned.comparisons.items()
        },
        groups={"d Y": groups(three, NAN, 0.0, truth=(0.0, 0.0))},
        outcomes={
            label: replace(
                r, gradients={**r.gradients, "Y": np.full((2, 3), NAN if label in three else 0.0)}
            )
            for label, r in plain.recordings.items()
        },
    )
    huge = replace(
        WORST, actual=math.inf, expected=1e39, absolute=math.inf, relative=math.inf, ulp=math.inf
    )
    over = compared(plain, Verdict(False, "range", "'node1' exceeds it"), "node1")
    over = replace(
        over,
        comparisons={
            pair: {n: c if c.agrees else c.with_measured(worst=huge) for n, c in by.items()}
            for pair, by in over.comparisons.items()
            if pair == PAIR
        },
        findings={PAIR: {"node1": Finding((), "torch", Ruling(("torch",)))}},
    )

    def refused(reason, detail, *names):
        found = compared(plain, Verdict(False, reason, detail), *names)
        return replace(
            found,
            comparisons={
                pair: {n: c if c.agrees else c.with_measured(worst=None) for n, c in by.items()}
                for pair, by in found.comparisons.items()
            },
        )

    def without(verdict, *names):
        kept = {
            label: replace(
                r, gradients={n: a for n, a in r.gradients.items() if f"d {n}" not in names}
            )
            if label == "torch"
            else r
            for label, r in verdict.recordings.items()
        }
        return replace(verdict, outcomes=kept)

    zero = Sensitivity({"zero": 1.0})
    weak = replace(plain, sensitivity={"d Y": zero, "d X": zero, "d Z": Sensitivity()})
    strict = replace(case, strict=True)
    alone = compared(plain, bug, "d Y", noise=NOISE)
    both = compared(alone, bug, "d Z", labels=("jax",), noise=NOISE)
    failed = make(FOUR[:3], failures=[CRASH])
    until = "lost in bfloat16 (until 2030-01-02)"
    excused = {(pair, name): until for pair, name, _ in one.disagreements}
    return {
        "bug": wrong,
        "suspect": replace(compared(plain, untold, "d Y", noise=NOISE), groups=blamed),
        "tolerance": compared(plain, Verdict(False, "tolerance"), "d Y"),
        "value": replace(
            compared(plain, bug, "node1", noise=NOISE),
            groups={"node1": groups(("torch",))},
            divergences={pair: {"node1": Divergence("node1", None)} for pair in plain.comparisons},
        ),
        "reference": replace(
            compared(plain, bug, "d Y", noise=NOISE, labels=("numpy",)),
            groups={"d Y": groups(("numpy",), -1.0, 1.0)},
        ),
        "nan": poisoned,
        "range": over,
        "shape": refused("shape", "(3,) against (2, 3)", "d Y"),
        "dtype": refused("dtype", "torch declares float32, and this is float64", "d Y"),
        "missing": without(refused("missing", "only numpy has it", "d Y", "d X"), "d Y", "d X"),
        "precision": lost,
        "note": compared(plain, Verdict(True, "note", "it stays"), "d Y", noise=NOISE),
        "kink": compared(plain, Verdict(True, "kink", "a tie"), "d Y", noise=NOISE),
        "weak": weak,
        "strict": replace(lost, case=strict),
        "weak and strict": replace(weak, case=strict),
        "crashed": failed,
        "absent": make(FOUR[:3], failures=[ABSENT]),
        "nothing": make((), failures=[CRASH]),
        "expected": replace(wrong, known=excused),
        "outdated": replace(plain, outdated=("known.yaml:3: 'lost' has come to agree, remove it",)),
        "two": replace(
            both, groups={**blamed, "d Z": groups(("jax",))}, divergences={}, findings={}
        ),
        "agree": plain,
    }
