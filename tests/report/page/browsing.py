"""A browser that visits pages."""

from __future__ import annotations

import os
import shutil

REQUIRED = "chromium" in os.environ.get("GRADCMP_REQUIRE", "").split(",")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
