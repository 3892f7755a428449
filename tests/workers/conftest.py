"""A pool whose workers find the saboteurs, and requests for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sabotage

from gradcmp.case import BackendSpec
from gradcmp.workers import Pool, Request

Ask = Callable[..., Request]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the saboteurs for every process that the test starts."""
    info = tmp_path / "sabotage-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sabotage\nVersion: 1.0\n")
    lines = [f"{each.name} = sabotage:{each.__name__}" for each in sabotage.BACKENDS]
    (info / "entry_points.txt").write_text("\n".join(["[gradcmp.backends]", *lines]))
    folders = (str(Path(sabotage.__file__).parent), str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool() as pool:
        yield pool


@pytest.fixture
def ask() -> Ask:
    """Return the function that makes a request: X * Y, differentiated with a random cotangent."""
    rng = np.random.default_rng(11)
    inputs = {"X": rng.standard_normal((4, 3)), "Y": rng.standard_normal((4, 3))}
    cotangent = rng.standard_normal((4, 3))

    def request(mode: str = "manual", name: str = "saboteur", **options: object) -> Request:
        spec = BackendSpec(name, mode, "float64", **options)  # type: ignore[arg-type]
        return Request(f"{name}:{mode}", spec, (("out", "X * Y"),), "out", inputs, cotangent)

    return request


@pytest.fixture(scope="session")
def gone() -> Callable[[int], bool]:
    """Return the function that waits a little for a process to be gone, or only a zombie."""

    def ended(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            text = Path(f"/proc/{pid}/status").read_text()
        except ProcessLookupError:
            return True
        except FileNotFoundError:
            return False  # there is no /proc, or it went this instant: the next look tells
        # A zombie without a second thread holds nothing any more.
        return "\nState:\tZ" in text and "\nThreads:\t1\n" in text

    def gone(pid: int) -> bool:
        deadline = time.monotonic() + 5
        while not ended(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        return ended(pid)

    return gone
