"""Outcomes of requests, and which are right."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gradcmp.recording import Failure, Outcome, Recording
from gradcmp.workers import Pool, Request


def outcomes(pool: Pool, *requests: Request) -> list[Outcome]:
    """Run requests and give their outcomes in the order of the requests, each exactly once."""
    answers = list(pool.run(requests))
    assert Counter(request for request, _ in answers) == Counter(requests)
    by_request = dict(answers)
    return [by_request[request] for request in requests]


def failure(pool: Pool, request: Request) -> Failure:
    (outcome,) = outcomes(pool, request)
    assert isinstance(outcome, Failure)
    assert outcome.backend == request.label
    return outcome


def recording(pool: Pool, request: Request) -> Recording:
    (outcome,) = outcomes(pool, request)
    assert isinstance(outcome, Recording), outcome
    return outcome


def right(outcome: Outcome, request: Request) -> bool:
    """Whether the product rule holds for X * Y."""
    if not isinstance(outcome, Recording):
        return False
    x, y, dz = request.inputs["X"], request.inputs["Y"], request.cotangent
    pairs = zip(
        (outcome.values["out"], outcome.gradients["X"], outcome.gradients["Y"]),
        (x * y, dz * y, dz * x),
        strict=True,
    )
    return all(np.allclose(actual, expected, rtol=1e-12, atol=0) for actual, expected in pairs)
