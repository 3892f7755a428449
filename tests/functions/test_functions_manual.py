"""The page on one's own functions is true."""

import re
from pathlib import Path

import pytest
from surroundings import framework

import gradcmp

framework("torch")
pytestmark = pytest.mark.frameworks

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"
TEXT = PAGE.read_text("utf-8")


def written(language):
    return re.search(rf"^```{language}\n(.*?)^```$", TEXT, re.S | re.M).group(1)


def without_numbers(text):
    """Return a text without what the noise of a machine makes of it."""
    return re.sub(r"[\d.e×]+|\s+", " ", text).strip()


def first_example(source):
    scope = {}
    exec(compile(source, PAGE.name, "exec"), scope)
    return scope["test_fused"]


def test_the_first_example_fails_as_the_page_says():
    with pytest.raises(AssertionError) as failed:
        first_example(written("python"))()
    assert without_numbers(written("text")) in without_numbers(str(failed.value))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_with_the_right_backward_pass_it_passes(dtype):
    right = "n = x * r; dn = dy * w; return r * (dn - n * (dn * n).mean(-1, keepdim=True)),"
    source = written("python").replace("return dy * w * r,", right)
    source = source.replace("inputs={", f'dtype="{dtype}", inputs={{')
    first_example(source)()


def test_every_name_on_the_page_is_there():
    for name in re.findall(r"gradcmp\.(\w+)\(", TEXT):
        assert hasattr(gradcmp, name), name
