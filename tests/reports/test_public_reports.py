"""Public reports of wrong gradients, each against its verdict, its wrong side and its cause."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest
from public_reports import HERE, Claim, claims, complaints

from gradcmp import api, config
from gradcmp.cli import main
from gradcmp.config import parse_backend
from gradcmp.plan import check
from gradcmp.recording import Recording
from gradcmp.recording.files import write
from gradcmp.report.json import report
from gradcmp.workers import Pool

CLAIMS = [
    pytest.param(
        claim,
        id=claim.name,
        marks=pytest.mark.xfail(reason=claim.lacks, strict=True, raises=AssertionError)
        if claim.lacks
        else (),
    )
    for claim in claims()
]


class Bench:
    """Does what a run asks for, once; frameworks load once for all."""

    def __init__(self, pool, place, need):
        self.pool = pool
        self.need = need
        self.place = place
        self._done = {}

    def do(self, claim: Claim):
        """Return exit code, JSON report and screen."""
        key = claim.folder, repr({key: one for key, one in claim.run.items() if key != "claims"})
        if key not in self._done:
            texts = (*claim.run.get("backends", ()), claim.run.get("by", "torch"))
            self.need(*(text.partition(":")[0] for text in texts))
            self._done[key] = self._run(claim) if "run" in claim.run else self._diff(claim)
        return self._done[key]

    def _run(self, claim):
        (case,) = config.load(str(claim.folder / claim.run["run"]))
        backends = tuple(parse_backend(text) for text in claim.run["backends"])
        verdict = api.run(replace(case, backends=backends), self.pool)
        return int(verdict.exit_code), json.loads(report([verdict])), ""

    def _diff(self, claim):
        run, by = claim.run, claim.run.get("by", "torch")
        sides = [run.get("diff") or run["record"], run["with"]]
        files = [self.recorded(claim.folder / side, by) for side in sides]
        facts = self.place / "facts.json"
        facts.unlink(missing_ok=True)
        chosen = [word for name in run.get("only", ()) for word in ("--only", name)]
        maps = [word for one in run.get("map", {}).items() for word in ("--map", "=".join(one))]
        free = ["--different-inputs"] if run.get("different_inputs") else []
        words = ["diff", *map(str, files), *chosen, *maps, *free, "--json", str(facts)]
        with redirect_stdout(StringIO()) as out, redirect_stderr(out):
            code = main(words)
        told = json.loads(facts.read_text()) if facts.exists() else {"cases": []}
        return code, told, out.getvalue()

    def recorded(self, file, by):
        """Return a file of arrays as it is, and for a case what a backend computes of it."""
        if file.suffix != ".yaml":
            return file
        place = self.place / file.parent.name / by / f"{file.stem}.safetensors"
        if not place.exists():
            (case,) = config.load(str(file))
            outcome = api.record(check(case).computed_by(parse_backend(by)), self.pool)
            assert isinstance(outcome, Recording), outcome
            write(place, outcome)
        return place


@pytest.fixture(scope="module")
def bench(tmp_path_factory, need):
    with Pool() as pool:
        yield Bench(pool, tmp_path_factory.mktemp("reports"), need)


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_must_be_said_of_a_public_report_is_said(claim, bench):
    assert not complaints(claim, *bench.do(claim))


def test_every_report_has_claims_and_says_where_it_is_from():
    folders = [folder for folder in HERE.iterdir() if any(folder.glob("*.yaml"))]
    assert len(folders) == 28
    for folder in folders:
        assert "report: https://" in (folder / "expected.yaml").read_text()


WRONG = [
    ({"exit": 0}, "exit code"),
    ({"tensor": "d X", "is": "agree"}, "is"),
    ({"tensor": "d X", "reason": "range"}, "reason"),
    ({"tensor": "d X", "not_reason": "bug"}, "not_reason"),
    ({"tensor": "d X", "side": "torch"}, "side"),
    ({"tensor": "d X", "side": ["mine", "torch"]}, "side"),
    ({"tensor": "d X", "side": []}, "side"),
    ({"tensor": "d X", "group": ["mine", "torch"]}, "group"),
    ({"tensor": "d X", "cause": "the sign is flipped"}, "cause"),
    ({"tensor": "d X", "not_cause": "is missing"}, "not_cause"),
    ({"tensor": "d X", "first": "y"}, "first"),
    ({"tensor": "d X", "disagreeing": 3}, "disagreeing"),
    ({"tensor": "d X", "worst": [9, 9]}, "worst"),
    ({"tensor": "d X", "norms": "equal"}, "norms"),
    ({"tensor": "d X", "words": "no such words"}, "words"),
    ({"tensor": "d X", "wrong": {"axis": 0, "at": [2]}}, "wrong"),
    ({"tensor": "d nowhere", "is": "agree"}, "is"),
]


@pytest.mark.parametrize(("demands", "word"), WRONG, ids=lambda one: str(one))
def test_a_claim_that_does_not_hold_is_a_complaint(demands, word, bench):
    """Each demand is made of a run whose right verdict is another."""
    run = {"diff": "mine.npz", "with": "case.yaml"}
    claim = Claim(HERE / "20-swiglu-one-term-dropped", run, demands, "")
    (complaint,) = complaints(claim, *bench.do(claim))
    assert word in complaint
