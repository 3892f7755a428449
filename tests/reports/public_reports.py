"""What public reports of wrong gradients demand: what to compare, and what must be said of it.

Each folder here stands for one report and has its `expected.yaml`: claims about runs, written
from the report and from mathematics, not from what was once printed. A claim that does not hold
yet says under `lacks` what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

HERE = Path(__file__).parent
WARNINGS = frozenset(("precision", "note", "kink", "non-finite"))  # agrees with a reservation

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """One thing that must be said of one run.

    Attributes
    ----------
    run : mapping
        What is compared: `diff`, `record` or `run`, and how.
    demands : mapping
        The keys of `DEMANDS` with what each must find, `tensor` with the tensors that it is about.
    lacks : str
        What is missing for it to hold; empty where it holds.
    """

    folder: Path
    run: Mapping[str, Any]
    demands: Mapping[str, Any]
    lacks: str

    @property
    def name(self) -> str:
        """The report, the run and the claim in a line."""
        run = self.run
        what = run.get("diff") or run.get("record") or run["run"]
        where = f" by {run['by']}" if "by" in run else ""
        on = f" on {'+'.join(run.get('backends', ()))}" if "run" in run else ""
        demands = ", ".join(f"{key} {_plain(value)}" for key, value in self.demands.items())
        return f"{self.folder.name}: {what}{where}{on}: {demands}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_plain(one)}" for key, one in value.items())
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def claims() -> Iterator[Claim]:
    """Read the claims of all reports."""
    for file in sorted(HERE.glob("*/expected.yaml")):
        report = yaml.safe_load(file.read_text())
        for run in report["runs"]:
            for claim in run["claims"]:
                demands = {key: value for key, value in claim.items() if key != "lacks"}
                yield Claim(file.parent, run, demands, claim.get("lacks", ""))


def complaints(claim: Claim, code: int, facts: Facts, screen: str) -> list[str]:
    """Return in words what does not hold.

    Parameters
    ----------
    code : int
        The exit code.
    facts : mapping
        The JSON report.
    screen : str
        What was printed.
    """
    demands = dict(claim.demands)
    found = []
    if (wanted := demands.pop("exit", code)) != code:
        found.append(f"the exit code is {code}, not {wanted}")
    names = demands.pop("tensor", [])
    for name in [names] if isinstance(names, str) else names:
        seen = Seen(name, facts, screen)
        for key, value in demands.items():
            if not DEMANDS[key](seen, value):
                found.append(f"{name}: {key} is not {_plain(value)}: {seen}")
    return found


@dataclass(frozen=True)
class Seen:
    """What was said of one tensor, by all pairs."""

    name: str
    facts: Facts
    screen: str

    @property
    def comparisons(self) -> list[Facts]:
        """Each pair's comparison."""
        pairs = (pair for case in self.facts["cases"] for pair in case["pairs"])
        tensors = (tensor for pair in pairs for tensor in pair["tensors"])
        return [tensor for tensor in tensors if tensor["name"] == self.name]

    @property
    def disagreeing(self) -> list[Facts]:
        """Those that disagree."""
        return [one for one in self.comparisons if one["verdict"] == "disagree"]

    @property
    def sides(self) -> set[str]:
        """Everybody who is called wrong."""
        said = [one["side"] for one in self.comparisons if one["side"]]
        return {label for side in said for label in re.split(r", | and ", side)}

    def excess(self) -> np.ndarray:
        """Return how often each element of a small array is what it may be off, in one pair."""
        (one,) = self.comparisons
        return np.array([[float(x) for x in np.atleast_1d(row)] for row in one["excess"]])

    def __str__(self) -> str:
        keys = ("verdict", "reason", "detail", "side", "causes", "disagreeing", "first_parts")
        return "; ".join(str({key: one[key] for key in keys}) for one in self.comparisons)


def _is(seen: Seen, word: str) -> bool:
    pairs = seen.comparisons
    agree = [one["verdict"] == "agree" for one in pairs]
    plain = [one["verdict"] == "agree" and one["reason"] not in WARNINGS for one in pairs]
    return {
        "agree": bool(pairs) and all(plain),
        "accepted": bool(pairs) and all(agree),
        "reserved": bool(pairs) and not all(plain),
        "disagree": bool(pairs) and not all(agree),
        "unasked": not seen.disagreeing,
    }[word]


def _reason(seen: Seen, reason: str) -> bool:
    return bool(seen.disagreeing) and all(one["reason"] == reason for one in seen.disagreeing)


def _cause(seen: Seen, pattern: str) -> bool:
    causes = [cause["text"] for one in seen.comparisons for cause in one["causes"]]
    details = [one["detail"] for one in seen.comparisons]
    return any(re.search(pattern, text) for text in (*causes, *details))


def _wrong(seen: Seen, where: Any) -> bool:
    wrong = ~(seen.excess() <= 1)
    if where == "off the diagonal":
        return bool((wrong == ~np.eye(len(wrong), dtype=bool)).all())
    along = wrong.any(axis=tuple(a for a in range(wrong.ndim) if a != where["axis"]))
    return np.flatnonzero(along).tolist() == where["at"]


def _side(seen: Seen, wanted: str | list[str]) -> bool:
    return seen.sides == ({wanted} if isinstance(wanted, str) else set(wanted))


def _group(seen: Seen, wanted: list[str]) -> bool:
    """Whether all are named together."""
    said = [case["groups"].get(seen.name, {"wrong": []}) for case in seen.facts["cases"]]
    return any(set(one["wrong"]) == set(wanted) for one in said)


def _first(seen: Seen, name: str) -> bool:
    parts = [one["first_parts"] for one in seen.disagreeing]
    return bool(parts) and all(p and name == (p["forward"] or p["backward"]) for p in parts)


DEMANDS: Mapping[str, Callable[[Seen, Any], bool]] = {
    "is": _is,
    "reason": _reason,
    "not_reason": lambda seen, reason: all(one["reason"] != reason for one in seen.disagreeing),
    "side": _side,
    "group": _group,
    "cause": _cause,
    "not_cause": lambda seen, pattern: bool(seen.comparisons) and not _cause(seen, pattern),
    "first": _first,
    "wrong": _wrong,
    "worst": lambda seen, index: all(one["worst"]["index"] == index for one in seen.disagreeing),
    "disagreeing": lambda seen, n: {one["disagreeing"] for one in seen.disagreeing} == {n},
    "norms": lambda seen, _: all(
        np.isclose(one["norm_actual"], one["norm_expected"], rtol=1e-4) for one in seen.comparisons
    ),
    "words": lambda seen, pattern: bool(re.search(pattern, " ".join(seen.screen.split()))),
}
