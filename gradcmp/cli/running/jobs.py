"""Several cases at once: a process for each job, with warm workers of its own."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from gradcmp.case import Effort

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import Plan
    from gradcmp.workers import Pool

_pools: list[Pool] = []  # in the process of a job: its own


def in_parallel(plans: Sequence[Plan], jobs: int, effort: Effort) -> Iterator[CaseVerdict]:
    """Run cases in `jobs` processes; give the verdicts in the order of the cases.

    The processes end with the iteration, however that ends, and their workers with them. They are
    no threads: judging takes about as long as computing, and holds the interpreter's lock.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that others hold
    before = multiprocessing.active_children()
    executor = ProcessPoolExecutor(jobs, context, _begin)
    try:
        yield from executor.map(partial(_run, effort=effort), plans)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()  # its workers end when their standard input does


def _begin() -> None:
    """Prepare the process of a job: the terminal's Ctrl-C is for the one who waits."""
    from gradcmp.workers import Pool

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _pools.append(Pool())


def _run(plan: Plan, effort: Effort) -> CaseVerdict:
    from gradcmp import api

    (pool,) = _pools
    return api.run_plan(plan, pool, effort)
