"""Stands in for the process that reads files: it does what the file says."""

import json
import os
import signal
import struct
import time
from pathlib import Path

import numpy as np

from gradcmp.formats.wire import arrays_to_bytes
from gradcmp.workers.frames import receive, send


def serve(channel, form):
    while True:
        try:
            frame = receive(channel)
        except EOFError:
            return
        DEEDS[Path(os.fsdecode(bytes(frame.content))).read_text()](channel)


def die(channel):
    os.kill(os.getpid(), signal.SIGKILL)


def say(word, **facts):
    return lambda channel: send(channel, json.dumps({"word": word, **facts}).encode(), 1)


DEEDS = {
    "answer": lambda channel: send(channel, arrays_to_bytes({"x": np.ones(1)}), 1),
    "die": die,
    "exit": lambda channel: os._exit(3),
    "hang": lambda channel: time.sleep(60),
    "nonsense": lambda channel: send(channel, b"\x00 nonsense", 1),
    "word": say("importing"),
    "flood": lambda channel: channel.sendall(struct.pack("<QI", 1 << 60, 1)),
    "absent": say("failure", kind="absent", message="h5py is not installed. Try it."),
}
