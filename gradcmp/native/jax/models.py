"""Models of noise for what a traced program computes, by the dtypes that it rounds in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.bfloat16 import Bfloat16Model
from gradcmp.judge.noise.branches import Branches
from gradcmp.judge.noise.kinks import ExactModel
from gradcmp.judge.noise.lawful import WATCHED, GivenModel
from gradcmp.judge.noise.model import NoiseModel
from gradcmp.native.jax.interpreter import plain
from gradcmp.native.jax.stacks import Value

NARROW = ("float32", "float16", "bfloat16")


def models_of(dtype: DType, replicas: int, seed: int, branches: Branches) -> dict[str, NoiseModel]:
    """Return the rounding of each dtype: a softmax in float32 inside of bfloat16 has float32's."""
    rng = np.random.default_rng([seed, replicas])
    models: dict[str, NoiseModel] = {
        one: NoiseModel(FORMATS[one], replicas, rng, branches=branches)
        for one in ("float64", "float32", "float16")
    }
    models |= {
        one: Bfloat16Model(known, replicas, rng, branches=branches)
        for one, known in FORMATS.items()
        if known.only_stores
    }
    return models


def given_models(dtype: DType) -> tuple[GivenModel, dict[str, NoiseModel]]:
    """Return a model in which what is given has no noise, and the same for every dtype."""
    given = GivenModel(FORMATS[dtype], WATCHED, np.random.default_rng(0))
    return given, dict.fromkeys(("float64", *NARROW), given)


def taken_in(model: NoiseModel) -> Callable[[Any, Any], Value]:
    """Return what takes constants in: a table, or a cotangent, with an error as an input has."""

    def constant(value: Any, dtype: Any) -> Value:
        held = plain(value)
        return model.wrap(held) if held.shape and held.dtype == np.float64 else held

    return constant


def exact(replicas: int, branches: Branches | None = None) -> ExactModel:
    """Return a model without any errors: replicas differ by the branches that they take."""
    rng = np.random.default_rng(0)
    return ExactModel(FORMATS["float64"], replicas, rng, branches=branches or Branches())


def narrowing(program: Any) -> int:
    """Count the casts from float64 to a lower dtype, inside of other programs as well."""
    count = 0
    for eqn in program.eqns:
        dtypes = [str(getattr(one.aval, "dtype", "")) for one in (*eqn.invars, *eqn.outvars)]
        count += "float64" in dtypes[: len(eqn.invars)] and any(
            dtype in NARROW for dtype in dtypes[len(eqn.invars) :]
        )
        for value in jax.tree.leaves(eqn.params, is_leaf=lambda one: hasattr(one, "eqns")):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                count += narrowing(inner)
    return count
