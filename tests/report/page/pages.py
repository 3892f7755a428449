"""Verdicts to draw, and the facts of a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from gradcmp.report import report_named


class Page(HTMLParser):
    """Tags, and the text within scripts that are data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag if ("type", "application/json") in attrs else None
        if self.inside:
            self.data.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.data[-1] += data

    @property
    def facts(self):
        return [json.loads(text, parse_constant=refuse) for text in self.data[:-1]]


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def page(*verdicts):
    return Page(report_named("html")(verdicts))
