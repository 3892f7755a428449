"""However a run ends: what is finished is written, and no process is left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}

QUICK = """
inputs: {X: {kind: normal, shape: [3]}}
graph: {node1: tanh(X) * X}
backends: [numpy, {name: numpy, dtype: float32}]
"""
STUCK = QUICK.replace("float32}]", "float32, python: %s, timeout: 600}]")
ORDER = {  # a case that is stuck is reached when all quick ones are finished
    "1": ("quick", "quick", "stops", "quick"),
    "2": ("stops", "quick", "quick", "stops", "quick"),
}


@pytest.fixture
def stuck(tmp_path: Path, fake: Callable[[str], str]) -> Callable[[str], None]:
    """Return the function that writes configs, some of which never end."""

    def write(jobs: str, fault: str = "stops") -> None:
        for place, kind in enumerate(ORDER[jobs]):
            text = QUICK if kind == "quick" else STUCK % fake(fault)
            (tmp_path / f"case{place}.yaml").write_text(text)

    return write


def read(folder: Path) -> dict[str, str]:
    """Return the verdict of each case in the report, which nothing else lies beside."""
    others = {"out.json", "out.xml"}
    assert {f.name for f in folder.iterdir() if f.suffix != ".yaml"} == others
    cases = json.loads((folder / "out.json").read_text())["cases"]
    return {case["name"]: case["verdict"] for case in cases}


REPORTS = ("--report", "json=out.json", "--report", "junit=out.xml")


ALIKE = (signal.SIGTERM, signal.SIGHUP)  # to several jobs what SIGINT is


@pytest.mark.parametrize(
    ("number", "jobs"),
    [
        pytest.param(
            number,
            jobs,
            id=f"{number.name}-{jobs}",
            marks=pytest.mark.thorough if jobs == "2" and number in ALIKE else (),
        )
        for number in CODES
        for jobs in ORDER
    ],
)
def test_what_is_finished_is_written_and_no_process_is_left(number, jobs, start, stuck, tmp_path):
    stuck(jobs)
    run = start("check", ".", "--jobs", jobs, *REPORTS)
    run.wait_for(lambda: [*run.others().values()].count("T") == ORDER[jobs].count("stops"))
    run.wait_for(run.rests)  # a case begins while the one before it is judged
    code, _, err = run.end(number)
    assert code == CODES[number]
    assert run.leaves_nothing()
    if number == signal.SIGKILL:
        return
    assert err.strip() == WORDS[number]
    verdicts = read(tmp_path)
    kinds = dict(zip(verdicts, ORDER[jobs], strict=True))
    finished = [name for name, verdict in verdicts.items() if verdict == "agree"]
    assert [kinds[name] for name in finished] == ["quick", "quick"]
    assert {v for name, v in verdicts.items() if name not in finished} == {"could not compare"}


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(int(os.environ.get("GRADCMP_MOMENTS", "1"))))
@pytest.mark.parametrize("jobs", ORDER)
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_at_any_moment(number, jobs, seed, start, stuck, tmp_path):
    stuck(jobs, random.Random(seed).choice(["stops", "deaf", "shouts"]))
    run = start("check", ".", "--jobs", jobs, *REPORTS)
    run.wait_for(run.others)
    time.sleep(random.Random(f"{seed} {number} {jobs}").uniform(0, 1.5))
    code, _, err = run.end(number)
    assert code == CODES[number], err
    assert err.strip() == WORDS.get(number, "")
    assert run.leaves_nothing()
    if number != signal.SIGKILL:
        assert len(read(tmp_path)) == len(ORDER[jobs])


OTHERS = {  # by command: what it is told beside the config; {} is a backend that never answers
    "run": ("--record-golden", "golden", *REPORTS),
    "run --watch": REPORTS,
    "record": ("-b", "{}", "-o", "kept"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(int(os.environ.get("GRADCMP_MOMENTS", "1"))))
@pytest.mark.parametrize("command", OTHERS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_other_commands_at_any_moment(number, command, seed, start, stuck, fake, tmp_path):
    chance = random.Random(f"{seed} {number} {command}")
    fault = chance.choice(["stops", "deaf"])  # one that shouts is ended soon, and the run with it
    stuck("1", fault)
    told = [word.format(f"numpy,dtype=float32,python={fake(fault)}") for word in OTHERS[command]]
    run = start(*command.split(), ".", *told)
    run.wait_for(run.others)
    time.sleep(chance.uniform(0, 1.5))
    code, _, err = run.end(number)
    assert code == CODES[number], err
    assert err.strip() == WORDS.get(number, "")
    assert run.leaves_nothing()
    left = {file.name for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".yaml"}
    assert number == signal.SIGKILL or not any(name.startswith(".") for name in left)
    for file in tmp_path.glob("out.json"):
        json.loads(file.read_text())


@pytest.mark.first(1)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_job_that_dies_is_its_case_and_the_others_finish(number, start, stuck, tmp_path):
    stuck("2")
    run = start("check", ".", "--jobs", "2", *REPORTS)
    run.wait_for(lambda: [*run.others().values()].count("T") == 2)
    for pid in run.others():
        if b"gradcmp.cli.running.job" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, number)
    _, err = run.process.communicate(timeout=60)
    assert (run.process.returncode, err) == (3, "wrote out.json\nwrote out.xml\n")
    assert run.leaves_nothing()
    kinds = dict(zip(read(tmp_path).items(), ORDER["2"], strict=True))
    wanted = {"quick": "agree", "stops": "could not compare"}
    assert all(verdict == wanted[kind] for (_, verdict), kind in kinds.items())
    report = json.loads((tmp_path / "out.json").read_text())
    said = {one["message"] for case in report["cases"] for one in case["failures"]}
    assert any(f"the process that ran it was killed by {number.name}" in one for one in said)


def test_who_ignores_hanging_up_is_left_alone(start, stuck, tmp_path):
    """As under nohup."""
    stuck("1")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = start("check", ".", *REPORTS)
    finally:
        signal.signal(signal.SIGHUP, before)
    run.wait_for(lambda: "T" in run.others().values())
    run.process.send_signal(signal.SIGHUP)
    with pytest.raises(Exception, match="timed out"):
        run.process.communicate(timeout=0.5)
    assert run.end(signal.SIGTERM)[0] == 143
    assert run.leaves_nothing()


def test_an_interruption_waits_for_an_import():
    """NumPy, half imported, is none, and the reports need it."""
    from gradcmp.cli import signals

    seen = []

    def slow() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("imported whole")

    began = time.monotonic()
    frame = compile("slow()", signals.IMPORT, "exec")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), signals.heeded():  # noqa: PT012
            exec(frame, {"slow": slow})
            time.sleep(30)
        assert time.monotonic() - began < 20
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["imported whole"]


def test_all_streams_closed(start, stuck, tmp_path):
    """The next pipe would take their place, and a worker would print into a socket."""
    (tmp_path / "case.yaml").write_text(QUICK)
    closed = f"exec {sys.executable} -m gradcmp check case.yaml {' '.join(REPORTS)} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", closed], cwd=tmp_path, check=False).returncode == 0
    assert read(tmp_path) == {"case": "agree"}


HOLDER = """
import re
from gradcmp.backends.numpy import NumpyBackend

class Mine(NumpyBackend):
    name = "holder"
    modes = ("plain",)

    def compute(self, *_):
        open({note!r}, "w").close()
        re.match(r"(a+)+b", "a" * 64)  # for longer than the sun will last, without a bytecode
"""


@pytest.mark.first(2)
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_beside_a_worker_that_holds_the_lock_of_its_interpreter(number, jobs, start, tmp_path):
    """No thread of its own can end it: the kernel does."""
    site = tmp_path / "site"
    info = site / "holder-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[gradcmp.backends]\nholder = holder:Mine\n")
    (site / "holder.py").write_text(HOLDER.format(note=str(site / "note")))
    (tmp_path / "case.yaml").write_text(QUICK.replace("[numpy,", "[numpy, holder,"))
    (tmp_path / "two.yaml").write_text(QUICK)
    run = start("check", ".", "--jobs", jobs, *REPORTS, PYTHONPATH=str(site))
    run.wait_for((site / "note").exists)
    assert run.end(number)[0] == CODES[number]
    assert run.leaves_nothing()


def test_an_interruption_amid_the_last_import_is_one_as_well():
    """What sends it again must not find the handlers of before, which end the process."""
    from gradcmp.cli import signals

    frame = compile("os.kill(os.getpid(), signal.SIGTERM)", signals.IMPORT, "exec")
    with pytest.raises(signals.EndedError), signals.heeded():
        exec(frame, {"os": os, "signal": signal})
    time.sleep(5 * signals.PAUSE)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
