"""The process of one job: it runs and judges one case after the other, with workers of its own."""

from __future__ import annotations

import pickle
import socket

from gradcmp.cli.running.net import settle
from gradcmp.workers import Pool
from gradcmp.workers.frames import receive, send


def serve(channel: socket.socket) -> None:
    """Answer every plan with its verdict, until the parent hangs up.

    What travels is pickled: both ends are gradcmp itself.
    """
    with Pool() as pool:
        while True:
            try:
                frame = receive(channel)
            except EOFError:
                return
            plan, effort, debug = pickle.loads(frame.content)
            send(channel, pickle.dumps(settle(plan, pool, effort, debug)), frame.number)
