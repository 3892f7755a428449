"""What tests of several rooms need."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pytest
from forked import ForkServers
from hypothesis import settings
from surroundings import REQUIRED, neutral

from gradcmp.backends.base import Backend
from gradcmp.backends.registry import BUILT_IN, backend_class
from gradcmp.ops import OPS, Op

FRAMEWORKS = tuple(name for name in BUILT_IN if name != "numpy")
LONG = ("browser", "frameworks", "further", "processes", "slow", "thorough")  # what is not quick
LONG_FILE = re.compile(rf"^pytestmark = \[?pytest\.mark\.({'|'.join(LONG)})\b", re.M)
OPS_TESTS = Path(__file__).parent / "ops"
STARTS = ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system")
MARKS = {  # by the fixtures that a test uses
    "adapter": "frameworks",
    "browser": "browser",
    "every_framework": "frameworks",
    "framework": "frameworks",
    "need": "frameworks",
    "pool": "processes",
    "with_torch": "frameworks",
}
DEVICE = os.environ.get("GRADCMP_DEVICE", "cpu")  # of adapters: cuda, to try the ops on a GPU
# Properties: other examples each time here, the same ones in CI. More of them, for an hour of
# searching: GRADCMP_EXAMPLES=10000 python -m pytest -m hypothesis
EXAMPLES = int(os.environ.get("GRADCMP_EXAMPLES", "100"))
settings.register_profile("local", deadline=None, max_examples=EXAMPLES)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if "CI" in os.environ else "local")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of which nothing is quick where nothing else is asked for."""
    if config.option.markexpr != "quick" or collection_path.suffix != ".py":
        return None
    return bool(LONG_FILE.search(collection_path.read_text("utf-8"))) or None


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they use; those that use nothing and take no time are ``quick``.

    Of a test with several sets of parameters the first is, and of one of the ops each: who adds
    an op adds the last one.
    """
    seen = Counter[tuple[Path, str]]()
    for item in items:
        test = item.path, item.originalname  # type: ignore[attr-defined]
        seen[test] += 1
        few = item.get_closest_marker("first")
        if few and seen[test] > few.args[0]:
            item.add_marker("thorough")
        if seen[test] > 1 and not item.path.is_relative_to(OPS_TESTS):
            item.add_marker("further")
        for mark in {MARKS[name] for name in MARKS if _uses(item, name)}:
            item.add_marker(mark)
        if not any(map(item.get_closest_marker, LONG)):
            item.add_marker("quick")
    items[:] = longest_first(items)


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Sort whole files: those with the most that takes long come first, the quick ones last.

    Two processes that take file after file then end at about the same time.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def length(path: Path) -> float:
        return sum(not item.get_closest_marker("quick") for item in files[path])

    return [item for path in sorted(files, key=length, reverse=True) for item in files[path]]


def _uses(item: pytest.Item, fixture: str) -> bool:
    """Whether a test uses a fixture; where a parameter says that it is for NumPy, it does not."""
    if fixture not in getattr(item, "fixturenames", ()):
        return False
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return fixture not in ("adapter", "need") or not any(
        one == "numpy" or (isinstance(one, tuple) and one[0] == "numpy") for one in parameters
    )


STARTED: list[str] = []  # what this process has started so far
sys.addaudithook(lambda event, _: STARTED.append(event) if event in STARTS else None)


@pytest.fixture(autouse=True)
def _what_takes_time_is_declared(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that loads a framework or starts a process unseen: ``-m quick`` would wait."""
    modules, started = {*sys.modules}, len(STARTED)
    yield
    found = {"frameworks": (sys.modules.keys() - modules) & {*FRAMEWORKS}}
    found["processes"] = {*STARTED[started:]}
    for mark, facts in found.items():
        if facts and not any(map(request.node.get_closest_marker, (mark, "frameworks", "browser"))):
            pytest.fail(f"it has {', '.join(sorted(facts))}: mark it with pytest.mark.{mark}")


@pytest.fixture(scope="session", autouse=True)
def _neutral_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run every test in the same surroundings, whoever started the suite."""
    with neutral(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(scope="session")
def _fork_servers() -> Iterator[ForkServers]:
    with ForkServers() as servers:
        yield servers


@pytest.fixture(autouse=True)
def _workers_are_forked(_fork_servers: ForkServers) -> Iterator[None]:
    """Have what takes seconds to load at hand."""
    with _fork_servers.forking():
        yield


@lru_cache
def load(name: str) -> Backend:
    """Return an adapter, imported once for the whole run."""
    require(name)
    adapter = backend_class(name)
    os.environ.update(adapter.environment_variables)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a framework says while it loads is its own affair
        return adapter(DEVICE)


def require(*names: str) -> None:
    """Skip where a backend is missing; fail where it is required."""
    for name in names:
        if not backend_class(name).installed():
            (pytest.fail if name in REQUIRED else pytest.skip)(f"{name} is not installed")


class _OverError(Exception):
    """The test is over: what it registered goes."""


@pytest.fixture
def registered() -> Iterator[Callable[[Op], Op]]:
    """Return the function that registers an op for the length of a test."""
    with suppress(_OverError), OPS.all_or_none():
        yield OPS.register
        raise _OverError


@pytest.fixture(scope="session")
def adapter() -> Callable[[str], Backend]:
    """Return the function that gives an adapter by name, or skips where it is missing."""
    return load


@pytest.fixture(scope="session")
def need() -> Callable[..., None]:
    """Return the function that skips, or fails, where a backend that it names is missing."""
    return require


@pytest.fixture(scope="session", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Backend:
    """Return the adapter of each framework."""
    return load(request.param)


@pytest.fixture(scope="session")
def every_framework() -> None:
    """Have all frameworks at hand for the processes that a test starts."""
    require(*FRAMEWORKS)


@pytest.fixture(scope="session")
def with_torch() -> None:
    """Have one framework at hand, where any would do: PyTorch loads fastest."""
    require("torch")
