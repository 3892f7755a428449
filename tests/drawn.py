"""Cases with inputs of every kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.errors import InputError, Location
from gradcmp.inputs import draw


def case(inputs, backends=("numpy", "torch"), **options):
    specs = tuple(BackendSpec(b) if isinstance(b, str) else b for b in backends)
    return Case("c", inputs, {"a": Expression("X")}, "a", ("X",), specs, **options)


def refusal(spec, error=InputError):
    with pytest.raises(error) as caught:
        draw(case({"X": replace(spec, where=Location("f.yaml", 3))}))
    return str(caught.value)


def file(path, key=None, shape=None):
    parameters = {"file": str(path)} | ({} if key is None else {"key": key})
    return InputSpec("file", shape, parameters)
