"""Backends that fail on purpose: installed for the tests through the entry-point group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from gradcmp.backends import Backend, Computed, Signature
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.ops import Array


def start_grandchild() -> int:
    script = "import time; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", script]).pid


def tear() -> None:
    raise ValueError("the tape is torn\nin two")


def babble() -> None:
    print("\x00\xff garbage" * 1000)
    os.write(1, b"\x00\x00\x00\x05hello")
    print("more of it", file=sys.stderr)


def flood() -> None:
    sys.stderr.write("water " * 100_000)
    raise ValueError("drowned")


def fall_silent() -> None:
    print("last words", file=sys.stderr)
    start_grandchild()
    time.sleep(600)


def abort() -> None:
    print("about to abort")
    os.abort()


ACTIONS: Mapping[str, Callable[[], object]] = {
    "manual": lambda: None,
    "spoil": lambda: None,
    "raise": tear,
    "babble": babble,
    "flood": flood,
    "silent": fall_silent,
    "abort": abort,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "quit": lambda: sys.exit("I quit"),
    "breed": start_grandchild,
}


class Saboteur(NumpyBackend):
    """NumPy, with a mode for every way to fail."""

    name = "saboteur"
    modes = tuple(ACTIONS)
    grandchild: object = None

    def environment(self) -> Mapping[str, str]:
        return {"pid": str(os.getpid()), "grandchild": str(self.grandchild)}

    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        self.grandchild = ACTIONS[signature.mode]()
        computed = super().compute(signature, inputs, cotangent)
        if signature.mode != "spoil":
            return computed
        return replace(computed, gradients={k: -d for k, d in computed.gradients.items()})


class Absentee(NumpyBackend):
    """Its framework is not installed."""

    name = "absentee"
    module = "no_such_framework"
    package = "no-such-framework"
    requirement = "absentee[all]"


class Stillborn(NumpyBackend):
    """Its framework cannot be imported."""

    name = "stillborn"

    def __init__(self, device: str) -> None:
        print("libfoo.so: cannot open", file=sys.stderr)
        raise ImportError("libfoo.so is missing")


class DeadOnArrival(NumpyBackend):
    """Its framework crashes while it loads."""

    name = "dead"

    def __init__(self, device: str) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Eternal(NumpyBackend):
    """Its framework never finishes loading."""

    name = "eternal"

    def __init__(self, device: str) -> None:
        time.sleep(600)


BACKENDS: tuple[type[Backend], ...] = (Saboteur, Absentee, Stillborn, DeadOnArrival, Eternal)
