"""Cases, recordings of them, and ways to spoil these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcmp.recording.files import read, write

CASES = """\
cases:
  - name: two layers
    inputs: {X: normal:4x3, W: normal:3x2}
    graph: {H: tanh(X @ W), loss: mean(H * H)}
    output: loss
    backends: [numpy, torch]
  - name: ../sum
    inputs: {X: normal:4x3}
    graph: {s: sum(exp(X))}
    backends: [numpy, torch]
"""


def spoil(file, name="W", change=lambda a: a * 1.001):
    recording = read(file)
    array = np.array(recording.gradients[name])
    write(file, replace(recording, gradients={**recording.gradients, name: change(array)}))


def words(capsys):
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())
