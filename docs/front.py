"""The site's first page begins with the README, and what is not on the site is no link.

Both are written for who reads them in the repository; `mkdocs` calls this for every page.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs"
LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Return the text of a page as the site needs it."""
    folder = posixpath.join(DOCS, posixpath.dirname(page.file.src_uri))
    markdown = moved(markdown, folder, folder)
    if not page.is_homepage:
        return markdown
    return moved((ROOT / "README.md").read_text("utf-8"), "", folder) + "\n" + markdown


def moved(markdown: str, source: str, folder: str) -> str:
    """Write the links of a text that stands in `source` for a page in `folder` of the site."""

    def fit(link: re.Match[str]) -> str:
        text, target = link.groups()
        if re.match(r"https?:|#", target):
            return link.group()
        path = posixpath.normpath(posixpath.join(source, target))
        if not path.startswith(f"{DOCS}/"):
            return text
        return f"[{text}]({posixpath.relpath(path, folder)})"

    return LINK.sub(fit, markdown)
