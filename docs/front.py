"""What the site needs beyond the files in this folder; `mkdocs` calls these hooks.

The README and other files at the top of the repository are pages of the site, and written for who
reads them there: their links are put right, and what is not on the site is no link. Mathematics
in fences becomes MathML, which browsers draw without a script.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs"
LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
FIRST = "index.md"  # begins with the README
FROM_THE_TOP = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
PAGES = {source: f"{DOCS}/{page}" for page, source in FROM_THE_TOP.items()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the fence of mathematics: ```math, as GitHub has it."""
    fence = {"name": "math", "class": "math", "format": mathml}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}
    return config


def mathml(source: str, *_: object, **__: object) -> str:
    """Return LaTeX as MathML."""
    return f'<div class="math">{convert(source.strip(), display="block")}</div>'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie at the top of the repository."""
    for page, source in FROM_THE_TOP.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Return the text of a page as the site needs it."""
    folder = posixpath.join(DOCS, posixpath.dirname(page.file.src_uri))
    if page.file.src_uri in FROM_THE_TOP:
        return moved(markdown, "", folder)
    markdown = moved(markdown, folder, folder)
    if page.file.src_uri != FIRST:
        return markdown
    return moved((ROOT / "README.md").read_text("utf-8"), "", folder) + "\n" + markdown


def moved(markdown: str, source: str, folder: str) -> str:
    """Write the links of a text that stands in `source` for a page in `folder` of the site."""

    def fit(link: re.Match[str]) -> str:
        text, target = link.groups()
        if re.match(r"https?:|#", target):
            return link.group()
        path, sharp, place = target.partition("#")
        path = posixpath.normpath(posixpath.join(source, path))
        path = PAGES.get(path, path)
        if not path.startswith(f"{DOCS}/"):
            return text
        return f"[{text}]({posixpath.relpath(path, folder)}{sharp}{place})"

    return LINK.sub(fit, markdown)
