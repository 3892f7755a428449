"""Of two recordings the answer says from when they are, and what differs beside the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcmp.case import Case
from gradcmp.judge import compare
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Origin, Recording
from gradcmp.report.answer.build import answer

CASE = Case("square", {}, {}, "Y", (), ())
Y = np.ones(2, np.float32)


def recorded(day: str, torch: str) -> Recording:
    origin = Origin(CASE, {}, {"gradcmp": "1", "machine": "Linux x86_64", "day": day})
    return Recording("torch", "float32", {"Y": Y}, {}, {"torch": torch}, {}, origin)


def line(now: Recording, then: Recording) -> str:
    pair = Pair("now", "golden")
    verdict = CaseVerdict(
        CASE, "golden", {"golden": then, "now": now}, {pair: {"Y": compare(Y, Y, CASE.tolerance)}}
    )
    (found,) = [one for one in answer(verdict).lines if one.label == "recorded"]
    return found.said


NOW, THEN = recorded("2026-11-29", "2.13.0"), recorded("2026-10-02", "2.12.0")


def test_the_days_stand_before_what_changed_between_them():
    assert line(NOW, THEN) == "on 2026-11-29 | 2026-10-02   torch 2.13.0 | 2.12.0"


def test_another_day_is_no_other_environment():
    said = line(NOW, recorded("2026-10-02", "2.13.0"))
    assert said == "on 2026-11-29 | 2026-10-02   in the same environment"


def test_of_one_day_nothing_is_said():
    assert line(NOW, NOW) == "in the same environment"


def test_an_older_recording_has_no_day():
    origin = replace(THEN.origin, recorder={"gradcmp": "1", "machine": "Linux x86_64"})
    said = line(NOW, replace(THEN, origin=origin))
    assert said.startswith("on 2026-11-29 | –")
