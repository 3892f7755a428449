"""The reference on torch's own sample inputs: values and gradients to 1e-9, in float64."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from layers import LAYERS
from matrices import MATRICES
from plain import PLAIN
from samples import Unlike, database, distances, samples
from shaped import SHAPED

from gradcmp.ops import OPS

ENTRIES = [*PLAIN, *SHAPED, *MATRICES, *LAYERS]
CLOSE = 1e-9
# Where it is torch that is further off, and how far.
KNOWN = {"hard_sigmoid": (1e-7, "its gradient has 1/6 rounded to float32")}
# What OpInfo knows by our name and is not asked: why.
WITHOUT = {
    "argsort": "indices, and torch's order of equal ones is its own",
    "cholesky": "torch reads one triangle, and its gradient is that of the symmetric part",
    "dropout": "torch draws the mask itself",
    "eigvalsh": "torch reads one triangle, and its gradient is that of the symmetric part",
    "one_hot": "integers, for which there are no float64 samples",
    "softplus": "all samples have a slope and a threshold",
}
# Of what is asked, the variants that are not.
VARIANTS = {
    "div floor_rounding": "ours does not round",
    "div trunc_rounding": "ours does not round",
    "linalg.pinv hermitian": "torch reads one triangle",
    "linalg.pinv singular": "a product of two, of a rank that ours has not to know",
    "nn.functional.batch_norm without_cudnn": "on the CPU the same samples once more",
    "nn.functional.interpolate area": "ours is adaptive_avg_pool",
    "nn.functional.interpolate bicubic": "ours has no such mode",
    "nn.functional.interpolate linear": "of one axis, and ours of two",
    "nn.functional.interpolate nearest-exact": "ours has no such mode",
    "nn.functional.interpolate trilinear": "of three axes, and ours of two",
    "nn.functional.pad circular": "ours has no such mode",
    "nn.functional.pad replicate_negative": "a negative width takes elements away",
    "nn.functional.silu complex": "complex numbers",
    "round decimals_0": "ours has no decimals",
    "round decimals_3": "ours has no decimals",
    "round decimals_neg_3": "ours has no decimals",
}
ASKED = 1400  # samples that are compared at least, with torch 2.13: fewer are a table that broke
pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore"),  # what torch's own tests say
]


def compare(entry, spoil=np.array):
    """Return the largest distance of each sample that applies, and why the others do not."""
    found, reasons = [], Counter()
    for function, sample in samples(entry):
        try:
            found.append(max(distances(entry, function, sample, spoil).values()))
        except Unlike as reason:
            reasons[str(reason)] += 1
    return found, reasons


@cache
def compared(entry):
    """Return what `compare` does, once for all tests that ask."""
    return compare(entry)


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_the_reference_gives_what_torch_gives_on_its_samples(entry, with_torch):
    found, reasons = compared(entry)
    assert found, f"no sample applies: {dict(reasons)}"
    allowed, _ = KNOWN.get(entry.op, (CLOSE, ""))
    assert max(found) <= allowed


def test_no_sample_is_lost(with_torch):
    """All entries are asked here, whichever of them were before."""
    assert sum(len(compared(entry)[0]) for entry in ENTRIES) >= ASKED


def test_what_torch_is_further_off_with_is_still_so(with_torch):
    for op in KNOWN:
        (entry,) = (one for one in ENTRIES if one.op == op)
        assert max(compared(entry)[0]) > CLOSE


def test_every_op_that_opinfo_knows_by_name_is_asked(with_torch):
    names = {name for name, _ in database()}
    known = {
        op for op in OPS for room in ("", "linalg.", "nn.functional.") if f"{room}{op}" in names
    }
    missing = known - {entry.op for entry in ENTRIES} - WITHOUT.keys()
    assert not missing


def test_every_variant_of_what_is_asked_is_asked(with_torch):
    """Or left out for a reason; a reason that is no longer needed fails."""
    asked = {(entry.name, entry.variant) for entry in ENTRIES}
    names = {name for name, _ in asked}
    missing = {" ".join(one) for one in database() if one[0] in names and one not in asked}
    assert missing == VARIANTS.keys()


def test_what_is_left_out_is_not_asked(with_torch):
    assert not {entry.op for entry in ENTRIES} & WITHOUT.keys()


def one_element(gradient):
    spoiled = np.array(gradient)
    if spoiled.size:
        spoiled.flat[spoiled.size // 2] += 1e-4 * max(1.0, np.abs(spoiled).max())
    return spoiled


SPOILED = ("softmax", "matmul", "layer_norm", "cross_entropy", "gather", "qr", "ctc_loss")
SPOILS = {
    "sign": lambda gradient: -np.array(gradient),
    "factor": lambda gradient: gradient * 1.001,
    "reversed": lambda gradient: np.array(np.flip(gradient)),
    "one element": one_element,
    "zero": lambda gradient: np.zeros_like(gradient),
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize(
    "op", ["softmax", "matmul", "layer_norm", "cross_entropy", "gather", "qr", "ctc_loss"]
)
def test_a_spoiled_gradient_is_seen(op, spoil, with_torch):
    entry = next(one for one in ENTRIES if one.op == op)
    found, _ = compare(entry, SPOILS[spoil])
    assert max(found) > 1e-6
