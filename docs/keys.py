"""Put the tables of keys into the manual: what `gradcmp schema` says, for people.

A table stands between ``<!-- keys: CaseModel -->`` and ``<!-- end -->``, where the name is one of
the schema's. ``python docs/keys.py`` writes them anew; the test suite compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gradcmp.config import schema

PAGE = Path(__file__).with_name("configs.md")
PAGES = sorted(PAGE.parent.rglob("*.md"))  # any of them may have such a table
PLACE = re.compile(r"(?<=^<!-- keys: )(\w+) -->\n.*?(?=^<!-- end -->$)", re.S | re.M)
INPUTS = "Inputs"  # instead of a model: all kinds of input in one table
OWN = ("kind", "shape")  # what the kinds have in common


def filled(text: str) -> str:
    """Return the page with its tables as they are now."""
    models = schema()["$defs"]

    def table(match: re.Match[str]) -> str:
        name = match.group(1)
        lines = kinds(models) if name == INPUTS else keys(models[name])
        return f"{name} -->\n" + "".join(f"{line}\n" for line in lines)

    return PLACE.sub(table, text)


def keys(model: Mapping[str, Any]) -> Iterator[str]:
    """Return a row for each key of a model."""
    yield "| key | default | description |"
    yield "|---|---|---|"
    for name, facts in model["properties"].items():
        needed = name in model.get("required", ())
        words = facts.get("description", "").replace("[", "\\[")  # or it would be a link
        words, _, told = words.partition("Default: ")
        default = "**required**" if needed else told.rstrip(".") or written(facts.get("default"))
        if "enum" in facts:
            words += " One of " + ", ".join(f"`{word}`" for word in facts["enum"]) + "."
        yield f"| `{name}` | {default} | {words.strip()} |"


def kinds(models: Mapping[str, Any]) -> Iterator[str]:
    """Return a row for each kind of input."""
    yield "| kind | values | parameters, with their defaults |"
    yield "|---|---|---|"
    for model in models.values():
        kind = model["properties"].get("kind", {}).get("const")
        if kind:
            takes = [
                f"`{name}`"
                if name in model["required"]
                else f"`{name}`: {written(fact['default'])}"
                for name, fact in model["properties"].items()
                if name not in OWN
            ]
            gives = model["description"].removesuffix(".")
            yield f"| `{kind}` | {gives} | {', '.join(takes)} |"


def written(value: object) -> str:
    """Write a default as YAML has it."""
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
