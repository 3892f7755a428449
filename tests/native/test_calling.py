"""How a function is called: by names, and in places where it takes no names."""

import pytest

from gradcmp.native.calling import by_place


def by_name(x, *, scale=2):
    return x, scale


def in_places(x, y, /, z=3, *, scale=2):
    return x, y, z, scale


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (by_name, {"scale": 5, "x": 1}, (1, 5)),
        (in_places, {"y": 2, "x": 1}, (1, 2, 3, 2)),
        (in_places, {"scale": 5, "z": 4, "y": 2, "x": 1}, (1, 2, 4, 5)),
        (max, {}, None),
    ],
)
def test_inputs_go_where_they_belong(function, given, expected):
    if expected is None:
        with pytest.raises(TypeError):
            by_place(function, given)
    else:
        assert by_place(function, given) == expected


def test_an_input_without_a_place_is_an_error():
    with pytest.raises(TypeError, match="w"):
        by_place(in_places, {"x": 1, "y": 2, "w": 3})
