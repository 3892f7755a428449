"""What this machine has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
MEMINFO = Path("/proc/meminfo")  # of Linux


def memory(groups: Iterable[Path] = CGROUP_LIMITS) -> int | None:
    """Return the bytes of memory that this process may use; None where the system does not say.

    Parameters
    ----------
    groups : iterable of Path
        Where the limits of control groups stand, of a container for example.
    """
    try:
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
    for path in groups:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no such control group, or "max": no limit
            continue
    return min(limits + _own_limits())


def available() -> int | None:
    """Return the bytes of memory that are free or can be freed; None where nobody knows.

    Of a system that does not say it, half of what it has.
    """
    limit = memory()
    try:
        free = re.search(r"^MemAvailable:\s+(\d+) kB$", MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        free = None
    if limit is None or free is None:
        return limit and limit // 2
    return min(limit, int(free[1]) << 10)


def _own_limits() -> list[int]:
    """Return what this process was told to stay below: ``ulimit -v`` and ``ulimit -d``."""
    try:
        import resource
    except ImportError:  # not on Windows
        return []
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    limits = [resource.getrlimit(kind)[0] for kind in kinds]
    return [limit for limit in limits if limit != resource.RLIM_INFINITY]
