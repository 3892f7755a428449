"""YAML text into plain data: what a scalar means, where it stands, what is refused."""

import math

import pytest
import yaml

from gradcmp.config.document import MAX_ALIASED, MAX_BYTES, MAX_DEPTH, parse, resolve
from gradcmp.config.messages import show
from gradcmp.errors import ConfigError


def refusal(text, **options):
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml", **options)
    return str(caught.value)


# The examples of YAML 1.2.2, section 10.3.2, and what YAML 1.1 reads differently.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("~", None), ("", None),
        ("true", True), ("False", False), ("TRUE", True),
        ("0", 0), ("-19", -19), ("+12", 12), ("0o7", 7), ("0x3A", 58), ("010", 10),
        ("0.", 0.0), ("-0.0", -0.0), (".5", 0.5), ("+12e03", 12000.0), ("-2E+05", -2e5),
        ("1e-5", 1e-5), (".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("12:30:45", "12:30:45"), ("1_000", "1_000"), ("0b11", "0b11"), ("0o8", "0o8"),
        ("nan", "nan"), ("inf", "inf"), ("infinity", "infinity"), ("2026-01-01", "2026-01-01"),
        ("tRUE", "tRUE"), ("+0x1", "+0x1"), (".", "."), ("e5", "e5"), ("=", "="), ("٣", "٣"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema(text, value):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)
    assert math.copysign(1, found) == math.copysign(1, value) if value == 0.0 else True


def test_nan_is_a_number():
    assert math.isnan(resolve(".nan"))


def test_quotes_and_blocks_make_text():
    assert parse("a: '1'\nb: \"true\"\nc: |\n  2\nd: >-\n  3\n", "f") == {
        "a": "1", "b": "true", "c": "2\n", "d": "3",
    }  # fmt: skip


def test_every_value_has_its_line():
    data = parse("a: 1\nb:\n  - x\n  - y: 2\n    z: 3\nc: {d: 4,\n    e: 5}\n", "f")
    assert data.lines == {"a": 1, "b": 2, "c": 6}
    assert data["b"].lines == [3, 4]
    assert data["b"][1].lines == {"y": 4, "z": 5}
    assert data["c"].lines == {"d": 6, "e": 7}


def test_aliases_stand_for_what_they_name():
    assert parse("a: &n [1, 2]\nb: *n\nc: [*n, *n]\n", "f")["c"] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", None)])
def test_both_parsers_of_pyyaml_agree(loader):
    if loader is None:
        pytest.skip("PyYAML was built without libyaml")
    assert parse("a: &x [1e-5, 'b']\nc: *x\n", "f", loader=loader) == {
        "a": [1e-5, "b"],
        "c": [1e-5, "b"],
    }
    assert refusal("a: 1\nb: !!python/object:os.system x\n", loader=loader).startswith(
        "f.yaml:2: the YAML tag"
    )
    assert refusal("a: 1\na: 2\n", loader=loader).startswith("f.yaml:2: 'a' is written twice")
    assert refusal("a: [1,\nb: 3\n", loader=loader).startswith("f.yaml:")
    assert "\\x07" in refusal("a: 1\nb: \x07\n", loader=loader)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml: the file is empty"),
        ("# nothing\n", "f.yaml: the file is empty"),
        ("---\n...\n", "f.yaml: the file is empty"),
        (
            "a: 1\n---\nb: 2\n",
            "f.yaml:2: a second YAML document starts. Write several cases under 'cases'.",
        ),
        (
            "a:\n  b: !!python/object/apply:os.system [ls]\n",
            "f.yaml:2: the YAML tag '!!python/object/apply:os.system' is not allowed. "
            "Write the value without it.",
        ),
        (
            "a: !foo x\n",
            "f.yaml:1: the YAML tag '!foo' is not allowed. Write the value without it.",
        ),
        ("a: ! x\n", "f.yaml:1: the YAML tag '!' is not allowed. Write the value without it."),
        (
            "a: !!binary aGk=\n",
            "f.yaml:1: the YAML tag '!!binary' is not allowed. Write the value without it.",
        ),
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yaml:3: 'a' is written twice, here and on line 1. Remove one of them.",
        ),
        ("1: 2\n", "f.yaml:1: a key is 1, and must be text. Put it in quotes."),
        (
            "? [a, b]\n: 2\n",
            "f.yaml:1: a key is a list or mapping, and must be text. Put it in quotes.",
        ),
        (
            "a: &x {b: 1}\nc:\n  <<: *x\n",
            "f.yaml:3: merge keys '<<' are not supported. Write them under 'defaults'.",
        ),
        ("a: *b\n", "f.yaml:1: the alias '*b' has no anchor. Define '&b' before it."),
        ("a: &b\n  - *b\n", "f.yaml:2: the alias '*b' refers to a value that contains it"),
        ("a: " + "9" * 5000, "f.yaml:1: a number has more than 300 digits"),
        ("x: 1\na: b\x00c\n", "f.yaml:2: the character '\\x00' is not allowed in YAML. Remove it."),
        ("a: '\ud800'\n", "f.yaml:1: the character '\\ud800' is not allowed in YAML. Remove it."),
    ],
)
def test_what_is_refused(text, message):
    assert refusal(text) == message


def test_broken_yaml_names_its_line():
    message = refusal("a: 1\nb: [1, 2\nc: 3\n")
    assert message.startswith("f.yaml:3: this is not valid YAML: ")
    assert "Look for a missing colon, quote or bracket" in message
    assert refusal("a: 1\nb: c: d\n").startswith("f.yaml:2: ")


def test_depth_is_bounded():
    def nest(depth):
        return "[" * depth + "]" * depth

    assert parse(nest(MAX_DEPTH + 1), "f") is not None
    assert refusal(nest(MAX_DEPTH + 2)) == f"f.yaml:1: nested deeper than {MAX_DEPTH} levels"
    assert "nested deeper" in refusal("[" * 500_000)  # must not exhaust the stack


def test_an_alias_bomb_is_defused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    message = refusal("\n".join(lines))
    assert message == f"f.yaml:5: aliases expand to more than {MAX_ALIASED} values"


def test_size_is_bounded():
    assert refusal("a: " + "x" * MAX_BYTES) == (
        "f.yaml: the file is larger than 1 MiB. Put arrays into .npz files."
    )


def test_values_are_shown_as_yaml():
    assert show({"a": [1, True, None, 1e-5, "x"]}) == "{a: [1, true, null, 1e-05, x]}"
