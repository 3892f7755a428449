"""Thousands of spoiled frames: each gives a verdict, soon, and nothing else.

    GRADCMP_FRAMES=100000 python -m pytest tests/faults/test_mutated_frames.py

tries more of them, from other seeds.
"""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections import Counter
from typing import Any

import liar
import pytest
from mutations import MUTATIONS

import gradcmp
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import Auto, BackendSpec, Case, Expression, Fixed, InputSpec
from gradcmp.recording import Failure, Recording
from gradcmp.report.json import report
from gradcmp.system import Output
from gradcmp.workers import Pool
from gradcmp.workers.frames import HEAD, Line
from gradcmp.workers.printed import Printed
from gradcmp.workers.process import Ending, Process
from gradcmp.workers.wire import answer_to_bytes, job_from_bytes

FRAMES = int(os.environ.get("GRADCMP_FRAMES", "1500"))
SHARE = 250  # frames of one test


class Actor(Process):
    """A process that is none: what it says stands in its socket at once."""

    rng = random.Random(0)

    def __init__(self, module: str, name: str, device: str, python: str | None = None) -> None:
        ours, self._theirs = socket.socketpair()
        self._theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.line = Line(ours)
        self.printed = Printed(Output())
        self._selector = None
        self._spoils = python is not None
        self._where = self.rng.randrange(6)  # which frame is spoiled: mostly the answer
        self.say(b'{"word": "importing"}', 0, self._where == 0)
        self.say(json.dumps(liar.READY).encode(), 0, self._where == 1)

    def say(self, content: bytes, number: int, spoil: bool) -> None:
        length = None
        if spoil and self._spoils:
            mutation = self.rng.choice((*MUTATIONS, None))
            if mutation is None:
                length, number = self.rng.choice([(len(content) + 9, 0), (1 << 62, 1), (3, 7)])
            for _ in range(self.rng.choice([1, 1, 1, 3])):
                content = mutation(self.rng, content) if mutation and content else content
        self._theirs.sendall(HEAD.pack(len(content) if length is None else length, number))
        self._theirs.sendall(content)

    def send(self, blob: bytes, number: int) -> None:
        if self._spoils and self.rng.random() < 0.02:
            self._theirs.shutdown(socket.SHUT_WR)
            return
        answer = answer_to_bytes(NumpyBackend("cpu").record(job_from_bytes(blob)))
        self.say(answer, number, self._where > 1)
        if self._spoils:
            self._theirs.shutdown(socket.SHUT_WR)  # an answer that is short ends here

    def kill(self) -> None:
        pass

    def reap(self, hung_up: bool = False) -> Ending:
        for end in (self.line.channel, self.printed.output):
            self.ignore(end)
            end.close()
        self._theirs.close()
        self.printed.output.hand_over()
        return Ending("exited with status 0", "")


def case_of(tolerance: Any) -> Case:
    return Case(
        "frames",
        {"X": InputSpec("normal", (3,))},
        {"node1": Expression("tanh(X) * X")},
        "node1",
        ("X",),
        (
            BackendSpec("numpy"),
            BackendSpec("numpy", dtype="float32"),
            BackendSpec("numpy", dtype="float32", python="liar", timeout=0.2, loading=0.2),
        ),
        tolerance,
    )


@pytest.mark.slow
@pytest.mark.first(3)
@pytest.mark.parametrize("seed", range(FRAMES // SHARE))
def test_a_spoiled_frame_gives_a_verdict(seed, monkeypatch):
    """A recording may still be one: then it is judged, and reported."""
    monkeypatch.setattr("gradcmp.workers.lane.Process", Actor)
    monkeypatch.setattr(Actor, "rng", random.Random(seed if FRAMES == 1500 else random.random()))
    case = case_of(Auto() if seed % 4 == 0 else Fixed(1e-4, 1e-6))
    came = Counter()
    slowest = 0.0
    for _ in range(SHARE):
        with Pool() as pool:
            began = time.monotonic()
            verdict = gradcmp.run(case, pool)
            slowest = max(slowest, time.monotonic() - began)
        outcome = verdict.outcomes[str(case.backends[-1])]
        others = [verdict.outcomes[str(spec)] for spec in case.backends[:-1]]
        assert all(isinstance(one, Recording) for one in others)
        came[outcome.kind if isinstance(outcome, Failure) else verdict.exit_code.name] += 1
        if isinstance(outcome, Failure):
            assert verdict.exit_code == 3
            assert "internal error" not in outcome.message
        json.loads(report([verdict]))
    assert slowest < 2
    assert came["error"] > SHARE / 3, came
    assert came["AGREE"] < SHARE / 3, came
