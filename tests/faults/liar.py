"""An interpreter that is none: it speaks to gradcmp as a worker does, and says what it should not.

liar.py FAULT INTERPRETER-ARGUMENT... CHANNEL
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import numpy as np

HEAD = struct.Struct("<QI")
READY = {
    "word": "ready",
    "devices": ["cpu"],
    "modes": ["manual"],
    "environment": {},
    "seconds": 0.1,
}


class Liar:
    """The worker's side of the protocol, by hand."""

    def __init__(self, descriptor: int) -> None:
        self.channel = socket.socket(fileno=descriptor)
        self.number = 0
        self.request = b""

    def send(self, content: bytes, number: int | None = None, length: int | None = None) -> None:
        length = len(content) if length is None else length
        number = self.number if number is None else number
        self.channel.sendall(HEAD.pack(length, number) + content)

    def say(self, word: str, **facts: object) -> None:
        self.send(json.dumps({"word": word, **facts}).encode())

    def ready(self) -> None:
        self.say("importing")
        self.send(json.dumps(READY).encode())

    def asked(self) -> None:
        """Come up and wait for a request."""
        self.ready()
        length, self.number = HEAD.unpack(self.exactly(HEAD.size))
        self.request = self.exactly(length)

    def exactly(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            content += self.channel.recv(length - len(content)) or sys.exit(0)
        return content

    def answer(self, **changes: object) -> bytes:
        """Return the right answer, with changes."""
        from gradcmp.backends.numpy import NumpyBackend
        from gradcmp.workers.wire import answer_to_bytes, job_from_bytes

        recording = NumpyBackend("cpu").record(job_from_bytes(self.request))
        return answer_to_bytes(replace(recording, **changes))

    def arrays(self, change: Callable[..., object]) -> bytes:
        """Return the right answer with its gradient of X changed."""
        from gradcmp.backends.numpy import NumpyBackend
        from gradcmp.workers.wire import answer_to_bytes, job_from_bytes

        recording = NumpyBackend("cpu").record(job_from_bytes(self.request))
        gradients = {**recording.gradients, "X": change(recording.gradients["X"])}
        return answer_to_bytes(replace(recording, gradients=gradients))


def stay() -> NoReturn:
    time.sleep(600)
    sys.exit("nobody ended me")


def ready_with(**facts: object) -> Callable[[Liar], None]:
    def lie(liar: Liar) -> None:
        liar.say("importing")
        liar.send(json.dumps({**READY, **facts}).encode())
        stay()

    return lie


def before(content: bytes, length: int | None = None) -> Callable[[Liar], None]:
    """Write something in place of being ready."""

    def lie(liar: Liar) -> None:
        liar.send(content, length=length)
        stay()

    return lie


def after(content: bytes, length: int | None = None) -> Callable[[Liar], None]:
    """Write something in place of an answer."""

    def lie(liar: Liar) -> None:
        liar.asked()
        liar.send(content, length=length)
        stay()

    return lie


def recorded(change: Callable[[Liar], bytes]) -> Callable[[Liar], None]:
    def lie(liar: Liar) -> None:
        liar.asked()
        liar.send(change(liar))
        stay()

    return lie


def drip(liar: Liar) -> None:
    """Send an answer so slowly that each byte alone is in time."""
    liar.asked()
    blob = liar.answer()
    liar.channel.sendall(HEAD.pack(len(blob), liar.number))
    for byte in blob:
        liar.channel.sendall(bytes([byte]))
        time.sleep(0.05)


def drip_while_loading(liar: Liar) -> None:
    while True:
        liar.channel.sendall(b"\0")
        time.sleep(0.5)


def die_of(number: int) -> Callable[[Liar], None]:
    def lie(liar: Liar) -> None:
        liar.asked()
        os.kill(os.getpid(), number)

    return lie


def twice(liar: Liar) -> None:
    """Answer two requests at once: the second before it was asked."""
    liar.asked()
    blob = liar.answer()
    liar.send(blob)
    liar.send(blob)
    stay()


def beforehand(liar: Liar) -> None:
    """Guess the number of the first request, and answer it before it was asked."""
    liar.ready()
    liar.number = 1
    liar.send(b'{"word": "failure", "kind": "error", "message": "early"}')
    stay()


def half(liar: Liar) -> None:
    liar.asked()
    blob = liar.answer()
    liar.channel.sendall(HEAD.pack(len(blob), liar.number) + blob[: len(blob) // 2])


def half_a_head(liar: Liar) -> None:
    liar.asked()
    liar.channel.sendall(b"\x10\0\0")


def hang_up(liar: Liar) -> None:
    liar.asked()
    liar.channel.shutdown(socket.SHUT_RDWR)
    stay()


def come_and_go(liar: Liar) -> None:
    """Be ready, and be gone, each time."""
    liar.ready()


def shout(liar: Liar) -> None:
    """Print without an end."""
    liar.asked()
    os.write(2, b"the first words\n")
    while True:
        os.write(1, b"water " * 10_000)


def stop(liar: Liar) -> None:
    liar.asked()
    os.kill(os.getpid(), signal.SIGSTOP)


def deaf(liar: Liar) -> None:
    """Be ready, and read nothing."""
    liar.ready()
    stay()


def cut_timings(liar: Liar) -> bytes:
    return liar.answer()[:-1]


def infinite_timings(liar: Liar) -> bytes:
    return liar.answer(timings={"total": 10**400})


NESTED = b'{"word": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

FAULTS: Mapping[str, Callable[[Liar], object]] = {
    "no-json": before(b"{]"),
    "no-object": before(b'["importing"]'),
    "no-utf8": before(b'{"word": "\xff"}'),
    "no-word": before(b"{}"),
    "unknown-word": before(b'{"word": "sorry"}'),
    "word-of-a-list": before(b'{"word": ["ready"]}'),
    "surrogate": before(b'{"word": "unable", "kind": "error", "message": "\\ud800"}'),
    "nested": before(NESTED),
    "unknown-kind": before(b'{"word": "unable", "kind": "fate", "message": ""}'),
    "no-message": before(b'{"word": "unable", "kind": "error"}'),
    "empty-frame": before(b""),
    "too-early": before(b'{"word": "failure", "kind": "error", "message": ""}'),
    "no-devices": before(b'{"word": "ready"}'),
    "devices-of-numbers": ready_with(devices=[0]),
    "environment-of-numbers": ready_with(environment={"cores": 2}),
    "seconds-nan": ready_with(seconds=float("nan")),
    "seconds-infinite": ready_with(seconds=10**400),
    "word-of-a-gigabyte": before(b"{", length=1 << 30),
    "frame-beyond-memory": before(b"{", length=(1 << 64) - 1),
    "recording-at-once": before(b"\x08" + b"\0" * 7 + b"{}      "),
    "drips-while-loading": drip_while_loading,
    "answers-no-json": after(b"{]"),
    "answers-ready": after(json.dumps(READY).encode()),
    "answers-importing": after(b'{"word": "importing"}'),
    "answers-nothing": after(b""),
    "answers-noise": after(bytes(range(256))),
    "answer-beyond-memory": after(b"\0", length=1 << 50),
    "answer-beyond-what-was-asked": after(b"\0", length=1 << 30),
    "answers-another": recorded(lambda liar: liar.answer(backend="somebody else")),
    "answers-no-dtype": recorded(lambda liar: liar.answer(dtype="float8")),
    "cut-timings": recorded(cut_timings),
    "infinite-timings": recorded(infinite_timings),
    "drips": drip,
    "real-time-signal": die_of(40),
    "answers-beforehand": beforehand,
    "half-a-frame": half,
    "half-a-head": half_a_head,
    "hangs-up": hang_up,
    "comes-and-goes": come_and_go,
    "shouts": shout,
    "stops": stop,
    "deaf": deaf,
}


def gradient(change: str) -> Callable[[Liar], None]:
    """Answer with an array that is not what was asked for."""

    def spoil(dx: np.ndarray) -> np.ndarray:
        return {
            "shape": lambda: dx.reshape(1, -1),
            "scalar": lambda: dx[0],
            "integers": lambda: dx.astype(np.int64),
            "booleans": lambda: dx.astype(bool),
            "float64": lambda: dx.astype(np.float64),
            "bfloat16": lambda: dx.astype(BFLOAT16),
            "empty": lambda: dx[:0],
            "many-axes": lambda: dx.reshape((1,) * 31 + dx.shape),
            "nan": lambda: np.full_like(dx, np.nan),
        }[change]()

    return recorded(lambda liar: liar.arrays(spoil))


if __name__ == "__main__":
    lie = FAULTS.get(sys.argv[1]) or {"twice": twice}.get(sys.argv[1])
    if lie is None:
        import numpy as np

        from gradcmp.recording import BFLOAT16

        lie = gradient(sys.argv[1].removeprefix("gradient-of-"))
    lie(Liar(int(sys.argv[-1])))
