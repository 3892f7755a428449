"""Nothing but `gradcmp.system` needs POSIX: written for Windows, where this suite never ran."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gradcmp
from gradcmp import system

PACKAGE = Path(gradcmp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
POSIX = {  # what Windows lacks, as an attribute, a keyword or a module
    "O_ASYNC",
    "O_NONBLOCK",
    "SIGALRM",
    "SIGHUP",
    "SIGKILL",
    "fchmod",
    "fork",
    "getpgid",
    "getpgrp",
    "geteuid",
    "getuid",
    "killpg",
    "pass_fds",
    "poll",
    "epoll",
    "pread",
    "preexec_fn",
    "pthread_sigmask",
    "setitimer",
    "setsid",
    "start_new_session",
    "waitid",
    "fcntl",
    "grp",
    "pwd",
    "resource",
    "termios",
    "tty",
}
ALLOWED = {
    "system.py": POSIX | {"/dev", "/proc"},
    "machine.py": {"resource", "/proc"},  # tried for, and done without
}

BLOCKED = """
import importlib, os, pkgutil, select, signal, socket, sys
for name in ("fcntl", "resource", "termios", "tty", "pty", "grp", "pwd"):
    sys.modules[name] = None
import subprocess, multiprocessing.connection, selectors, numpy, numba, ml_dtypes, rich, pydantic
for module, names in (
    (select, ("poll", "epoll")),
    (os, ("fork", "killpg", "getpgrp", "setsid", "waitid", "getuid", "O_ASYNC", "pread")),
    (signal, ("SIGKILL", "SIGHUP", "SIGALRM", "pthread_sigmask", "setitimer")),
):
    for name in names:
        delattr(module, name)
import gradcmp
found = [one.name for one in pkgutil.walk_packages(gradcmp.__path__, "gradcmp.")]
for name in found:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(found))
"""


def needs(source: str) -> set[str]:
    """Return the words of POSIX that a source uses."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.keyword):
            found.add(node.arg)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {"/proc", "/dev"} & {node.value[:5].rstrip("/"), node.value[:4]}
    return found & (POSIX | {"/proc", "/dev"})


def test_no_file_needs_posix():
    found = {file.relative_to(PACKAGE).as_posix(): needs(file.read_text()) for file in FILES}
    assert len(found) > 300
    assert {name: words - ALLOWED.get(name, set()) for name, words in found.items() if words} == {
        name: set() for name in ALLOWED
    }


@pytest.mark.parametrize(
    "source",
    ["import fcntl", "os.killpg(1, 9)", "select.poll()", "f(pass_fds=())", "open('/proc/self/fd')"],
)
def test_the_check_above_can_fail(source):
    assert needs(source)


@pytest.mark.processes
def test_every_module_can_be_imported_without_what_windows_lacks():
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.processes
def test_importing_without_it_can_fail():
    blocked = BLOCKED.replace("import gradcmp\n", "import fcntl\n", 1)
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True)
    assert "No module named 'fcntl'" in done.stderr or "import of fcntl halted" in done.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (0xC0000005, "exited with status 0xC0000005"),
        (-9, "was killed by SIGKILL: usually the system ran out of memory"),
        (-15, "was killed by SIGTERM"),
        (-40, "was killed by signal 40"),
    ],
)
def test_an_end_in_words(status, words):
    assert system.describe(status) == words
