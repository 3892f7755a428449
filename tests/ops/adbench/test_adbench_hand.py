"""The hand that ADBench publishes: bones turn, and points of the skin are held against points.

Both objectives are one graph each, of those bones alone that move the points. The simple one names
vertices of the skin, the complicated one places in triangles, which are parameters, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from objectives import HERE, jacobian, numbers

from gradcmp.ops import Array

# data/hand/test.txt and data/hand/hand_complicated.txt
POINTS = [[0.889192, -1.224224, -1.372331], [0.599599, -1.148071, -1.730528]]
VERTICES = (309, 387)
TRIANGLES = ((31, 32, 34), (10, 19, 18))  # lines 309 and 387 of data/hand/model/triangles.txt
PLACES = [[0.2, 0.25], [0.4, 0.5]]
THETA = """
    -0.521279 0.574219 -2.325136 0.662708 -1.038322 -1.499699 -0.242741 -1.718485 -0.662177 0.946201
    0.398853 0.815052 -0.109405 1.285804 0.036427 -0.658684 0.635663 -1.363394 -0.533928 -0.133218
    -0.698012 -0.933770 0.398038 2.107471 -1.058233 0.204648
"""
SIMPLE = """
    1.65193147941611551e-01 -1.74542769272742593e-01 1.54751161622253441e-01
    -1.25651749731793605e-01 -4.25102935355075040e-02 -1.30665781132340175e-01
"""
COMPLICATED = """
    0.15618766169646370 -0.14930052600332222 0.17223808982645483
    -0.098877045184959655 -0.016123803546210125 -0.19758676846557965
"""
# A matrix that turns is `kept + cos(angle) * across + sin(angle) * around`: about x and about z.
TURNS: Mapping[str, Array] = {
    "kept_x": np.diag([1.0, 0, 0, 1]),
    "across_x": np.diag([0.0, 1, 1, 0]),
    "around_x": np.array([[0.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]),
    "kept_z": np.diag([0.0, 0, 1, 1]),
    "across_z": np.diag([1.0, 1, 0, 0]),
    "around_z": np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
}


@dataclass(frozen=True)
class Bone:
    """A bone at rest: 4x4 matrices to its parent's frame, and to its own from the hand's."""

    parent: int
    relative: Array
    inverse: Array


@dataclass(frozen=True)
class Vertex:
    """A point of the skin in the hand's frame, and how much each bone moves it."""

    position: Array
    weights: Mapping[int, float]


def lines(kind: str) -> list[str]:
    """Return what follows a word in the data."""
    text = (HERE / "hand.txt").read_text("utf-8").splitlines()
    return [line.removeprefix(f"{kind} ") for line in text if line.startswith(f"{kind} ")]


def bones() -> dict[int, Bone]:
    found = {}
    for line in lines("bone"):
        number, row = line.split(" ")
        _, parent, *matrices = row.split(":")
        relative, inverse = np.array(matrices, float).reshape(2, 4, 4)
        found[int(number)] = Bone(int(parent), relative, inverse)
    return found


def vertices() -> dict[int, Vertex]:
    found = {}
    for line in lines("vertex"):
        number, row = line.split(" ")
        words = row.split(":")
        pairs = words[9:]
        weights = {int(b): float(w) for b, w in zip(pairs[::2], pairs[1::2], strict=True)}
        assert len(weights) == int(words[8])
        found[int(number)] = Vertex(np.array([*words[:3], 1], float), weights)
    return found


def turn(angle: str, axis: str) -> str:
    return f"(kept_{axis} + cos({angle}) * across_{axis} + sin({angle}) * around_{axis})"


def pose(bone: int) -> str:
    """Return what turns a bone: the second of a finger by two angles, the next two by one."""
    finger, joint = divmod(bone - 1, 4)  # the wrist is bone 0
    start = 6 + 4 * finger
    angles = {1: ((start + 1, "z"), (start, "x")), 2: ((start + 2, "x"),), 3: ((start + 3, "x"),)}
    turns = angles.get(joint, ()) if bone else ()
    return "".join(f" @ {turn(f'theta[{i}]', axis)}" for i, axis in turns)


def skeleton() -> dict[str, str]:
    """Return the nodes ``b…``, the matrices of the bones from their own frame to the hand's."""
    found = {}
    for number, bone in bones().items():
        ahead = f"b{bone.parent} @ " if bone.parent >= 0 else ""
        found[f"b{number}"] = f"{ahead}relative[{number}]{pose(number)}"
    return found


def skin(points: tuple[int, ...]) -> dict[str, str]:
    """Return the nodes ``v…``, points of the skin where the whole hand is turned and moved."""
    found = {}
    for number in points:
        weights = vertices()[number].weights
        parts = (f"{w!r} * (b{b} @ inverse[{b}] @ rest_{number})" for b, w in weights.items())
        found[f"w{number}"] = f"({' + '.join(parts)})[:3]"
        found[f"cross{number}"] = " + ".join(f"axis[{i}] * (turn{i} @ w{number})" for i in range(3))
        found[f"v{number}"] = (
            f"w{number} * cos(angle) + cross{number} * sin(angle)"
            f" + axis * sum(axis * w{number}) * (1 - cos(angle)) + theta[3:6]"
        )
    return found


def body(points: tuple[int, ...], *found: str) -> dict[str, str]:
    """Return the graph of the errors of what was found, an expression for each point."""
    return {
        "angle": "norm(theta[:3])",
        "axis": "theta[:3] / angle",
        **skeleton(),
        **skin(points),
        "error": f"reshape(points - stack([{', '.join(found)}]), (6,))",
    }


def inputs(points: tuple[int, ...]) -> dict[str, object]:
    """Return parameters and the hand at rest; ``turn_i @ v`` is the cross product of e_i with v."""
    around = {f"turn{i}": np.cross(np.eye(3)[i], np.eye(3)).T for i in range(3)}
    size = 1 + max(bones())
    relative, inverse = np.zeros((size, 4, 4)), np.zeros((size, 4, 4))
    for number, bone in bones().items():
        relative[number], inverse[number] = bone.relative, bone.inverse
    rest = {f"rest_{number}": vertices()[number].position for number in points}
    held = {"relative": relative, "inverse": inverse, "points": POINTS}
    return {"theta": numbers(THETA), **held, **rest, **TURNS, **around}


@cache
def simple() -> tuple[Array, Array]:
    """Return the errors and their derivatives by theta, a row for each parameter."""
    graph = body(VERTICES, "v309", "v387")
    rows = [*jacobian(graph, inputs(VERTICES), 6)]
    return rows[0][0], np.stack([slopes["theta"] for _, slopes in rows], axis=1)


@cache
def complicated() -> tuple[Array, Array]:
    """Return the errors and their derivatives by each one's own place, then by theta."""
    points = TRIANGLES[0] + TRIANGLES[1]
    found = (
        f"u[{i}, 0] * v{a} + u[{i}, 1] * v{b} + (1 - u[{i}, 0] - u[{i}, 1]) * v{c}"
        for i, (a, b, c) in enumerate(TRIANGLES)
    )
    rows = [*jacobian(body(points, *found), inputs(points) | {"u": PLACES}, 6)]
    places = np.stack([slopes["u"][i // 3] for i, (_, slopes) in enumerate(rows)], axis=1)
    assert not any(slopes["u"][1 - i // 3].any() for i, (_, slopes) in enumerate(rows))
    theta = np.stack([slopes["theta"] for _, slopes in rows], axis=1)
    return rows[0][0], np.concatenate([places, theta])


OBJECTIVES = {"simple": (simple, SIMPLE), "complicated": (complicated, COMPLICATED)}


@pytest.mark.parametrize("which", OBJECTIVES)
def test_hand(which: str) -> None:
    found, errors = OBJECTIVES[which]
    actual, slopes = found()
    expected = np.stack([numbers(line) for line in lines(which)])
    np.testing.assert_allclose(actual, numbers(errors), rtol=1e-12)
    np.testing.assert_allclose(slopes, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("which", OBJECTIVES)
@pytest.mark.parametrize(
    "spoil", [np.negative, lambda d: d * (1 + 1e-8), np.flip, lambda d: np.where(d > 0.04, 0, d)]
)
def test_spoiled_derivatives_of_the_hand_are_caught(
    which: str, spoil: Callable[[Array], Array]
) -> None:
    expected = np.stack([numbers(line) for line in lines(which)])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            spoil(OBJECTIVES[which][0]()[1]), expected, rtol=1e-9, atol=1e-12
        )
