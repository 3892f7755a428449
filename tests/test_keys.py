"""What a record says of its config keys."""

from dataclasses import dataclass, field

import pytest

from gradcmp.case import Auto, BackendSpec, Case
from gradcmp.keys import JSON, ORIGIN, PAGE, REQUIRED, Place, key, keys, written_in


@dataclass(frozen=True)
class Dish:
    name: str = field(metadata=key("What it is called.", PAGE | JSON))
    spice: str | None = field(default=None, metadata=key("What makes it hot.", JSON, form="spice"))
    price: int = field(default=0, metadata=key("In cents.", PAGE, limits={"ge": 0}))
    where: int = 3


def test_a_field_with_metadata_is_a_key():
    assert list(keys(Dish)) == ["name", "spice", "price"]
    price = keys(Dish)["price"]
    assert (price.type, price.default, price.description) == (int, 0, "In cents.")
    assert (price.places, price.form, price.limits) == (PAGE, None, {"ge": 0})
    assert keys(Dish)["name"].default is REQUIRED


def test_a_place_has_the_keys_that_say_so():
    dish = Dish("soup", "chili")
    assert written_in(PAGE, dish) == {"name": "soup", "price": 0}
    assert written_in(JSON, dish) == {"name": "soup", "spice": "chili"}
    assert written_in(ORIGIN, dish) == {}


@pytest.mark.parametrize(
    ("default", "value", "off"),
    [
        ("", "", True), ("", "a", False), (None, None, True), (False, False, True),
        (False, True, False), (True, True, False), (True, False, False), (0, 0, False),
        (0.0, 0.0, False), ("auto", "auto", False), (REQUIRED, "", False),
    ],
)  # fmt: skip
def test_what_is_off(default, value, off):
    Record = type("Record", (), {"__annotations__": {"x": object}})
    Record.x = field(default=default, metadata=key("x"))
    assert keys(dataclass(Record))["x"].is_off(value) is off


def test_every_field_of_a_case_but_its_place_and_its_fault_is_a_key():
    """Sabotage: a field that says nothing would be missing everywhere, and nobody would know."""
    for record in (Case, BackendSpec):
        assert set(record.__dataclass_fields__) - set(keys(record)) <= {
            "where",
            "fault",
            "sizes",
            "at_sizes",
        }
        assert all(one.description and one.places != Place.NOWHERE for one in keys(record).values())


def test_a_factory_makes_the_default():
    assert keys(Case)["tolerance"].default == Auto()
