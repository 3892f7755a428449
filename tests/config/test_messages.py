"""Mistakes in files and on the command line: the first is told, in plain words."""

from __future__ import annotations

import re

import pytest
from refusals import BASE, refusal

from gradcmp.config import load_text, parse_backend, parse_input
from gradcmp.errors import ConfigError, InputError


def test_the_first_mistake_in_the_file_is_the_one_that_is_told():
    assert refusal(BASE + "seed: x\ndtype: y\n").startswith("f.yaml:5: seed")
    assert refusal(BASE + "dtype: y\nseed: x\n").startswith("f.yaml:5: dtype")


def test_an_input_beyond_memory_is_refused_at_its_line():
    message = refusal("inputs:\n  X: normal:1000000x1000000x1000000\ngraph:\n  a: sum(X)\n")
    assert message.startswith("f.yaml:2: values and gradients need 13.88 EiB of memory")


@pytest.mark.parametrize("digits", [19, 299, 301, 5000])
@pytest.mark.parametrize(
    "spec",
    ["normal:{}", "normal:3:mean={}", "{{kind: normal, shape: [{0}, {0}]}}", "[{}, x]",
     "{{kind: integers, shape: [3], high: {}}}"],
)  # fmt: skip
def test_numbers_of_any_length_are_no_crash(spec, digits):
    text = f"inputs:\n  X: {spec.format('9' * digits)}\ngraph:\n  a: sum(X)\n"
    if spec.startswith("normal:3") and digits < 300:
        assert load_text(text, "f.yaml")
    else:
        assert refusal(text).startswith("f.yaml:2: ")


def test_no_word_of_the_machinery_reaches_the_user():
    wrong = ["dtype: 3", "seed: x", "wrt: 3", "backends: {a: 1}", "tolerance: []", "graphs: 1"]
    for text in wrong:
        message = refusal(BASE + text + "\n")
        assert not re.search(r"pydantic|Input should|Extra inputs|validat|https?:", message)
        assert "something else" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torhc", "backend is 'torhc'. Did you mean 'torch'?"),
        ("torch:eagre", "backend: torch has no mode 'eagre'. Did you mean 'eager'?"),
        ("torch,devise=cpu", "unknown key 'devise' in backend. Did you mean 'device'?"),
        ("torch,required=maybe", "backend.required is 'maybe', and must be true or false"),
    ],
)
def test_a_wrong_backend_on_the_command_line(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_backend(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "text", "error", "message"),
    [
        ("X", "nrmal:3", ConfigError, "inputs.X: there is no kind of input 'nrmal'."),
        ("X", "", ConfigError, "inputs.X: there is no kind of input ''. Write kind:shape"),
        ("X", "file:nope.npy", InputError, "input 'X': 'nope.npy' cannot be read"),
        ("2X", "ones:3", ConfigError, "'2X' cannot be the name of an input or node."),
    ],
)
def test_a_wrong_input_on_the_command_line(name, text, error, message):
    with pytest.raises(error) as caught:
        parse_input(name, text)
    assert str(caught.value).startswith(message)
