"""``gradcmp call`` as a person meets it."""

import pytest

from gradcmp.cli import main


@pytest.mark.parametrize(
    ("dtype", "said"),
    [("complex64", "let the functions take real and imaginary parts"), ("float7", "'bfloat16'")],
)
def test_a_dtype_that_functions_are_not_compared_in(dtype, said, capsys):
    asked = ["call", "k.py:f", "--against", "k.py:g", "-i", "x=normal:3", "--dtype", dtype]
    assert main(asked) == 2
    assert said in " ".join(capsys.readouterr().err.split())
