"""A mode or dtype that a backend lacks is refused wherever it is asked for, by one rule."""

from dataclasses import replace

import numpy as np
import pytest

from gradcmp.backends import Job, backend_class
from gradcmp.backends.capabilities import missing
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.config import parse_backend
from gradcmp.errors import BackendError, ConfigError, UsageError
from gradcmp.graph.build import assemble
from gradcmp.plan import check

CASE = Case(
    "c", {"X": InputSpec("ones", (2,))}, {"y": Expression("exp(X)")}, "y", ("X",), backends=()
)
JOB = Job(
    "numpy",
    assemble(("X",), (("y", Expression("exp(X)")),), "y"),
    {"X": np.ones(2)},
    np.ones(2),
    "manual",
    "float64",
)


def asked_of_a_config(option, word):
    parse_backend(f"numpy:{word}" if option == "mode" else f"numpy,{option}={word}")


def asked_of_a_plan(option, word):
    check(replace(CASE, backends=(BackendSpec("numpy", **{option: word}),)))


def asked_of_an_adapter(option, word):
    NumpyBackend("cpu").record(replace(JOB, **{option: word}))


ASKED = {
    asked_of_a_config: ConfigError,
    asked_of_a_plan: UsageError,
    asked_of_an_adapter: BackendError,
}


@pytest.mark.parametrize(("asked", "error"), ASKED.items(), ids=lambda one: one.__name__)
def test_what_is_lacking_is_refused_everywhere(asked, error, monkeypatch):
    asked("mode", "manual")
    asked("dtype", "float16")
    with pytest.raises(error, match=r"has no mode 'manul'.*Did you mean 'manual'\?"):
        asked("mode", "manul")
    monkeypatch.setattr(NumpyBackend, "dtypes", ("float64", "float32"))
    with pytest.raises(error, match=r"has no dtype 'float16'.*Did you mean 'float64'\?"):
        asked("dtype", "float16")


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.__name__)
def test_nobody_has_a_rule_of_their_own(asked, monkeypatch):
    for room in ("config.build", "workers.resolved", "backends.base"):
        monkeypatch.setattr(f"gradcmp.{room}.missing", lambda *_: None)
    monkeypatch.setattr(NumpyBackend, "dtypes", ("float64", "float32"))
    asked("dtype", "float16")  # whoever refuses it all the same has asked somewhere else


def test_what_is_left_open_is_the_choice_of_the_backend():
    assert missing(backend_class("torch"), None, None) is None
    assert str(missing(backend_class("torch"), "eagre", None)) == "mode 'eagre'"
