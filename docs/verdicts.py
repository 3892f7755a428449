"""The site's list of verdicts: what each code means and what to do about it.

It is made when `mkdocs` builds the site and is in no file: a verdict is a record in one table.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.report.codes import TABLE

PLACE = "<!-- verdicts -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the list where a page has a place for it."""
    return markdown.replace(PLACE, "\n".join(listed()))


def listed() -> Iterator[str]:
    """Return a section for each verdict, which its code links to."""
    for one in TABLE:
        yield from ("", f"## {one.code} {one.name} {{#{one.code.lower()}}}", "")
        yield from (f"*{one.summary.capitalize()}.*", "", one.meaning, "")
        yield f"**What to do.** {one.remedy}"
    yield ""
