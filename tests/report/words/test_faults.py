"""Each fault is told once, where it begins, with what follows from it."""

from __future__ import annotations

import math
from dataclasses import replace

from gradcmp.judge.blame import Group, Groups
from gradcmp.judge.comparison import Noise, Verdict
from gradcmp.judge.verdict import Divergence, Pair
from gradcmp.report.words.faults import faults, severity, worst_of

FOUR = ("numpy", "tensorflow", "torch", "jax")
NOISE = Noise(20.0, 3.0, 8.0, 6.0, None, 5.4, 6.7)


def differing(make, flip, parts):
    """Return a verdict in which these labels differ from others, each from a tensor on."""
    wrong, divergences = {}, {}
    for label, (root, *more) in parts.items():
        for other in FOUR:
            if other not in parts:
                pair = (label, other) if FOUR.index(label) > FOUR.index(other) else (other, label)
                for name in (root, *more):
                    wrong[(*pair, name)] = flip()
                    divergences.setdefault(Pair(*pair), {})[name] = Divergence(None, root)
    groups = {
        root: Groups(
            (1, 1),
            (
                Group(tuple(one for one in FOUR if one != label), 3.5, False),
                Group((label,), -3.5, True),
            ),
        )
        for label, (root, *_) in parts.items()
    }
    return replace(make(FOUR, wrong), divergences=divergences, groups=groups)


def test_what_follows_from_a_fault_is_folded_into_it(make, flip):
    (fault,) = faults(differing(make, flip, {"torch": ("d node1", "d Y", "d X")}))
    assert (fault.name, fault.wrong, fault.follow) == ("d node1", ("torch",), ("d Y", "d X"))


def test_two_bugs_are_two_faults_the_first_in_the_graph_first(make, flip):
    found = faults(differing(make, flip, {"torch": ("d Y",), "jax": ("d Z",)}))
    assert [(one.name, one.wrong) for one in found] == [("d Z", ("jax",)), ("d Y", ("torch",))]


def test_the_worst_of_a_case_is_where_it_begins(make, flip):
    """A tensor downstream may be further off."""
    verdict = differing(make, flip, {"torch": ("d node1", "d Y")})
    pair = Pair("torch", "numpy")
    far = flip().with_measured(worst=replace(flip().worst, absolute=1e9))
    by = {**verdict.comparisons[pair], "d Y": far}
    verdict = replace(verdict, comparisons={**verdict.comparisons, pair: by})
    assert worst_of(verdict)[1] == "d node1"


def test_a_reservation_on_what_fails_is_not_told_besides(make, flip):
    warned = replace(flip(), verdict=Verdict(True, "non-finite"))
    wrong = {("torch", "numpy", "d Y"): flip(), ("jax", "numpy", "d Y"): warned}
    assert len(faults(make(FOUR, wrong))) == 1
    assert len(faults(make(FOUR, {("jax", "numpy", "d X"): warned, **wrong}))) == 2


def test_what_is_known_comes_after_what_is_not(make, flip):
    wrong = {("torch", "numpy", "d Z"): flip(), ("torch", "numpy", "d Y"): flip()}
    verdict = replace(make(FOUR, wrong), divergences={})
    known = replace(verdict, known={(Pair("torch", "numpy"), "d Z"): "lost"})
    assert [one.name for one in faults(verdict)] == ["d Z", "d Y"]
    assert [one.name for one in faults(known)] == ["d Y", "d Z"]


def test_the_order_of_comparisons(make, flip):
    agrees = replace(flip(), verdict=Verdict(True, "rounding"), disagreeing=0)
    bound = agrees.with_measured(noise=replace(NOISE, multiple=7.0, bound=True))
    measured = agrees.with_measured(noise=replace(NOISE, multiple=1.0))
    warned = replace(agrees, verdict=Verdict(True, "note"))
    loud = flip().with_measured(noise=NOISE)
    nan = flip().with_measured(worst=replace(flip().worst, absolute=math.nan))
    missing = replace(flip().with_measured(worst=None), verdict=Verdict(False, "missing"))
    rising = [bound, measured, warned, missing, loud, nan]
    assert sorted(rising, key=severity) == rising
