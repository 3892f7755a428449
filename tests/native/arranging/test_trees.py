"""Containers of arrays: leaves by name, and put together again."""

import dataclasses
import sys
from collections import namedtuple

import numpy as np
import pytest
from surroundings import framework

from gradcmp.native.arranging.trees import flat_of, tree_of

Layer = namedtuple("Layer", "w b")


@dataclasses.dataclass(frozen=True)
class Settings:
    gain: object
    depth: int = 3
    name: str = "plain"


def arrays(count):
    return [np.full(2, float(i)) for i in range(count)]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"w": 1.0, "b": np.ones(3)}, ["x.w", "x.b"]),
        ({"layers": [{"w": np.ones(2)}, {"w": np.ones(3)}]}, ["x.layers.0.w", "x.layers.1.w"]),
        (Layer(*arrays(2)), ["x.w", "x.b"]),
        ((*arrays(2), [0.5, 1.5]), ["x.0", "x.1", "x.2"]),
        (Settings(np.ones(2)), ["x.gain"]),
        ({"w": "normal:4x3", "b": "zeros:3"}, ["x.w", "x.b"]),
        (["normal:4x3", "zeros:3"], ["x.0", "x.1"]),
        ({"w": np.ones(2), "f": np.tanh, "none": None}, ["x.w"]),
        (None, []),
        ({}, []),
    ],
)
def test_leaves_by_name_and_together_again(given, names):
    tree = tree_of("x", given)
    assert [*tree.leaves] == names
    assert repr(tree.build(tree.leaves)) == repr(given)
    changed = tree.build({name: f"new {name}" for name in names})
    assert type(changed) is type(given)
    assert [*flat_of({"x": changed}).values()] == [] or "new" in repr(changed)


@pytest.mark.parametrize(
    "given",
    [1.5, [1.0, 2.0], [[1, 2], [3, 4]], (0.5,), ["a"], "normal:3", np.ones(3), np.float32(1)],
)
def test_what_is_a_single_array_stays_one(given):
    assert tree_of("x", given) is None


def test_numbers_of_a_module_stay_as_they_are():
    rebuilt = tree_of("x", Settings(np.ones(2))).build({"x.gain": 7.0})
    assert rebuilt == Settings(7.0, 3, "plain")


def test_frozen_records_are_not_changed():
    given = Settings(np.ones(2))
    tree_of("x", given).build({"x.gain": 7.0})
    np.testing.assert_array_equal(given.gain, np.ones(2))


@pytest.mark.frameworks
def test_what_jax_knows_as_a_pytree():
    jax = framework("jax")

    class Linear:
        def __init__(self, w, kept):
            self.w, self.kept = w, kept

    jax.tree_util.register_pytree_with_keys(
        Linear,
        lambda one: ([(jax.tree_util.GetAttrKey("w"), one.w)], one.kept),
        lambda kept, children: Linear(*children, kept),
    )
    tree = tree_of("net", {"first": Linear(np.ones(2), "relu"), "act": np.tanh})
    assert [*tree.leaves] == ["net.first.w"]
    built = tree.build({"net.first.w": 3.0})
    assert (built["first"].w, built["first"].kept, built["act"]) == (3.0, "relu", np.tanh)


def test_keys_of_random_numbers_are_no_numbers():
    jax = framework("jax")
    assert [*tree_of("x", {"key": jax.random.key(0), "w": np.ones(2)}).leaves] == ["x.w"]


def test_no_framework_is_imported_for_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    assert [*tree_of("x", {"w": np.ones(2)}).leaves] == ["x.w"]
    assert "jax" not in sys.modules
