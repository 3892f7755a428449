"""Ops are loaded when they are asked for, in whichever order, and none is lost on the way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gradcmp.ops.blocks import unary
from gradcmp.ops.elementwise.arithmetic import negative
from gradcmp.ops.registry import OPS, Registry

ASKED = """
from gradcmp.ops import OPS
import sys
assert "add" in OPS
assert "gradcmp.ops.images.convolution" not in sys.modules, "loaded before anybody asked"
assert "conv2d" in OPS
print(" ".join(OPS))
"""


@pytest.mark.processes
def test_a_room_is_loaded_when_it_is_asked_for_and_the_order_is_always_the_same():
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(OPS)


def filled(*loads):
    registry = Registry()
    for load in loads:
        registry.later(lambda load=load: load(registry) or ())
    return registry


def block(name):
    def reference(x):
        return negative(x)

    reference.__name__ = name
    return unary(reference, {})


def test_what_is_loaded_meanwhile_is_not_taken_back():
    registry = filled(lambda one: one.register(block("late")) and None)

    def broken():
        with registry.all_or_none():
            registry.register(block("own"))
            assert "late" in registry
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert list(registry) == ["late"]


def test_each_load_says_what_is_broken():
    registry = Registry()
    registry.later(lambda: ("one is broken",))
    registry.later(lambda: ("another is",) if "nothing" not in registry else ())
    assert "nothing" not in registry
    assert registry.broken == ("one is broken", "another is")
