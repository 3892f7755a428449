"""Ops that installed packages bring, under the entry point ``gradcmp.ops``."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.ops.registry import OPS

GROUP = "gradcmp.ops"


def load() -> Iterator[str]:
    """Import what registers the ops of packages; return a sentence for each that is broken.

    Of a broken one no op is registered, and whatever it raises ends nothing: a run needs its ops
    only where a case has one.
    """
    from importlib.metadata import entry_points  # slow to load, and rarely needed

    for point in entry_points(group=GROUP):
        package = point.dist.name if point.dist else point.name
        try:
            with OPS.all_or_none():
                point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield f"the ops of package '{package}' cannot be imported ({reason})"


OPS.later(load)
