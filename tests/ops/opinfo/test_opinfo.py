"""The reference on torch's own sample inputs: values and gradients to 1e-9, in float64."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from layers import LAYERS
from plain import PLAIN
from samples import Unlike, database, distances, samples
from shaped import SHAPED

from gradcmp.ops import OPS

ENTRIES = [*PLAIN, *SHAPED, *LAYERS]
CLOSE = 1e-9
# Where it is torch that is further off, and how far.
KNOWN = {"hard_sigmoid": (1e-7, "its gradient has 1/6 rounded to float32")}
# What OpInfo knows by our name and is not asked: why.
WITHOUT = {
    "argsort": "indices, and torch's order of equal ones is its own",
    "cholesky": "torch reads one triangle, and its gradient is that of the symmetric part",
    "ctc_loss": "its table is not written yet",
    "dropout": "torch draws the mask itself",
    "eigvalsh": "torch reads one triangle, and its gradient is that of the symmetric part",
    "index_put": "its table is not written yet",
    "one_hot": "integers, for which there are no float64 samples",
    "pad": "its table is not written yet",
    "qr": "its table is not written yet",
    "quantile": "its table is not written yet",
    "softplus": "all samples have a slope and a threshold",
    "split": "its table is not written yet",
}
ASKED = 1000  # samples that are compared at least, with torch 2.13: fewer are a table that broke
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


@pytest.fixture(scope="module")
def asked():
    return []


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_the_reference_gives_what_torch_gives_on_its_samples(entry, with_torch, asked):
    found, reasons = compare(entry)
    assert found, f"no sample applies: {dict(reasons)}"
    allowed, _ = KNOWN.get(entry.op, (CLOSE, ""))
    assert max(found) <= allowed
    asked.append(len(found))


def test_no_sample_is_lost(with_torch, asked):
    if len(asked) < len(ENTRIES):
        pytest.skip("not all entries were asked")
    assert sum(asked) >= ASKED


def test_what_torch_is_further_off_with_is_still_so(with_torch):
    for op in KNOWN:
        (entry,) = (one for one in ENTRIES if one.op == op)
        assert max(compare(entry)[0]) > CLOSE


def test_every_op_that_opinfo_knows_by_name_is_asked(with_torch):
    names = {name for name, _ in database()}
    known = {
        op for op in OPS for room in ("", "linalg.", "nn.functional.") if f"{room}{op}" in names
    }
    missing = known - {entry.op for entry in ENTRIES} - WITHOUT.keys()
    assert not missing


def one_element(gradient):
    spoiled = np.array(gradient)
    if spoiled.size:
        spoiled.flat[spoiled.size // 2] += 1e-4 * max(1.0, np.abs(spoiled).max())
    return spoiled


SPOILS = {
    "sign": lambda gradient: -np.array(gradient),
    "factor": lambda gradient: gradient * 1.001,
    "reversed": lambda gradient: np.array(np.flip(gradient)),
    "one element": one_element,
    "zero": lambda gradient: np.zeros_like(gradient),
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("op", ["softmax", "matmul", "layer_norm", "cross_entropy", "gather"])
def test_a_spoiled_gradient_is_seen(op, spoil, with_torch):
    (entry,) = (one for one in ENTRIES if one.op == op)
    found, _ = compare(entry, SPOILS[spoil])
    assert max(found) > 1e-6
