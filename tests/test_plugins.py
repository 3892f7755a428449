"""The package of the manual, installed as it stands there: a backend and an op of somebody else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.processes, pytest.mark.slow]

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"
FILE = re.compile(r'^```\w+ title="(.+?)"\n(.*?)^```$', re.M | re.S)
COMMAND = re.compile(r"(?<=^```sh\n)gradcmp (.*)$", re.M)
GROUP = re.compile(r'^\[project\.entry-points\."(.+?)"\]\n(.*?)(?=^\[|\Z)', re.M | re.S)


@pytest.fixture
def install(tmp_path):
    """Install the package of the page below a folder, as pip would, and return how to run there."""

    def installed(spoil=None, by=None, file=None):
        files = dict(FILE.findall(PAGE.read_text("utf-8")))
        if file is not None:
            assert spoil in files[file]
            files[file] = files[file].replace(spoil, by)
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        info = tmp_path / "gradcmp_echo-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gradcmp-echo\nVersion: 1.0\n")
        points = GROUP.findall(files["pyproject.toml"])
        text = "".join(f"[{group}]\n{lines.replace(chr(34), '')}\n" for group, lines in points)
        (info / "entry_points.txt").write_text(text)
        return run

    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "gradcmp", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    return installed


def case(*more):
    (command,) = COMMAND.findall(PAGE.read_text("utf-8"))
    return [part.strip('"') for part in re.findall(r'"[^"]*"|\S+', command)] + [*more]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_backend_computes_its_op(install, dtype):
    done = install()(*case("--dtype", dtype, "-v"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("✓ expr: ")
    assert "rule auto" in done.stdout
    assert "nearby points" not in done.stdout  # its ufuncs have a noise model


def test_a_built_in_framework_computes_its_op(install, adapter):
    adapter("torch")
    done = install()(*case("-b", "torch"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch agree in " in done.stdout


@pytest.mark.first(1)
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("gradcmp_echo/adapter.py", "output.imag) / STEP", "output.imag) / STEP * 1.001"),
        ("gradcmp_echo/adapter.py", "np.tanh(x)", "np.tanh(x) * 1.001"),
        ("gradcmp_echo/ops.py", "/ 2 * dy,)", "/ 2 / dy,)"),
        ("gradcmp_echo/ops.py", "/ 2 * dy,)", "/ 2 * 1.001 * dy,)"),
    ],
)
def test_what_is_wrong_with_them_is_a_disagreement(install, file, right, wrong):
    done = install(right, wrong, file)(*case())
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("✗ expr: ")


@pytest.mark.first(2)
@pytest.mark.parametrize("wrong", ["* -1", "* 1.001", "* 0", "* (1 + (index[:1] == (0,)) / 100)"])
def test_what_is_wrong_in_float32_alone_is_a_bug(install, wrong):
    """Its float64 run is right, and at nudged inputs it is as wrong as before."""
    right = "output.imag) / STEP"
    alone = f"{right} {wrong} if signature.dtype == 'float32' else np.sum(cotangent * {right}"
    done = install(right, alone, "gradcmp_echo/adapter.py")(*case("--dtype", "float32"))
    assert done.returncode == 1, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "right in float64 and wrong in float32" in words or "a cause was found" in words


def test_they_are_listed(install):
    run = install()
    done = run("ops")
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split()[-1] == "echo"
    assert next(row for row in rows if row.startswith("bessel_i1(x)")).split()[-1] == "yes"
    assert next(row for row in rows if row.startswith("conv2d(")).split()[-1] == "–"
    assert next(row for row in rows if row.startswith("subtract(")).split()[-1] == "yes"


def test_an_op_that_it_cannot_spell_is_an_error_of_the_backend(install):
    done = install()("expr", "exp(x)", "-i", "x=normal:3", "-b", "echo")
    assert done.returncode == 3
    assert "backend 'echo' has no spelling of op 'exp'" in " ".join(done.stdout.split())


@pytest.mark.first(2)
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            "raise RuntimeError('out of\\norder')\nfrom scipy.special import iv",
            "RuntimeError: out of order",
        ),
        ("raise SystemExit(4)\nfrom scipy.special import iv", "SystemExit: 4"),
        ("from scipy.special import iv)", "SyntaxError: unmatched ')'"),
    ],
)
def test_broken_ops_are_named_where_they_are_asked_for(install, broken, reason):
    done = install("from scipy.special import iv", broken, "gradcmp_echo/ops.py")(*case())
    assert done.returncode == 2
    assert "no op 'bessel_i1', and the ops of package 'gradcmp-echo' cannot" in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_broken_ops_end_no_run_of_others(install):
    run = install("from scipy.special import iv", "import nowhere", "gradcmp_echo/ops.py")
    done = run("expr", "sum(tanh(x))", "-i", "x=normal:3", "-b", "echo")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = run("ops")
    assert listed.returncode == 0
    assert "ops of package 'gradcmp-echo' cannot be imported (ModuleNotFoundError" in listed.stderr


END = "noise={iv: 8},\n    )\n)\n"


@pytest.mark.first(1)
@pytest.mark.parametrize(
    ("where", "by"),
    [
        ("register(\n", "from gradcmp.ops import OPS\n\nregister(OPS['exp'])\nregister(\n"),
        (END, f"{END}from gradcmp.ops import OPS\n\nregister(OPS['exp'])\n"),
    ],
)
def test_of_ops_that_take_a_name_that_is_taken_none_is_there(install, where, by):
    run = install(where, by, "gradcmp_echo/ops.py")
    listed = run("ops")
    assert listed.returncode == 0
    assert "(ValueError: op 'exp' is registered twice)" in listed.stderr
    assert "bessel_i1" not in listed.stdout
    assert listed.stdout.count("\nexp(x)") == 1
    assert run(*case()).returncode == 2


IDIOM = """

from gradcmp.backends import Cell, Idiom


def written(it):
    code = ["import numpy as echo", *[f'{x} = inputs["{x}"]' for x in it.inputs], *it.forward]
    for x, dx in zip(it.wrt, it.gradients):
        forward = "; ".join(it.forward)
        code += [
            f"{dx} = np.zeros({x}.shape)",
            f"for _i in np.ndindex({x}.shape):",
            f"    _old, {x} = {x}, {x}.astype(complex)",
            f"    {x}[_i] += 1e-30j",
            f"    {forward}",
            f"    {dx}[_i] = {it.output}.imag / 1e-30",
            f"    {x} = _old",
        ]
    yield Cell("One element at a time.", "\\n".join([*code, *it.forward, *it.shown]))


EchoBackend.idiom = Idiom("Echo", "echo", written, number="{number}", names=("_i", "_old"))
"""


@pytest.mark.parametrize(("right", "wrong", "status"), [("", "", 0), ("1e-30j", "2e-30j", 1)])
def test_a_script_is_written_as_its_idiom_says(install, tmp_path, right, wrong, status):
    end = "x[index] += STEP * 1j\n    return x\n"
    run = install(end, end + IDIOM.replace(right, wrong), "gradcmp_echo/adapter.py")
    (tmp_path / "case.yaml").write_text(
        "inputs: {echo: normal:3}\ngraph: {out: sum(echo * tanh(echo))}\nbackends: [numpy, echo]\n"
    )
    file = tmp_path / "alone.py"
    done = run("explain", str(tmp_path / "case.yaml"), "--script", "echo", "-o", str(file))
    assert done.returncode == 0, done.stderr
    alone = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)
    assert alone.returncode == status, alone.stderr
    assert alone.stdout.count("differs from NumPy's by at most") == 2
    assert "echo_ = " in file.read_text()  # `echo` is the module


def test_a_backend_without_an_idiom_is_not_written(install):
    done = install()("explain", "--script", "echo")
    assert done.returncode == 2
    assert "backend 'echo' does not say how to write it" in done.stderr


def test_an_adapter_that_cannot_be_imported_is_named(install):
    run = install("import numpy as np", "import nowhere", "gradcmp_echo/adapter.py")
    assert run("explain", "--script", "torch").returncode == 0
    done = run("explain", "--script", "echo")
    assert done.returncode == 3
    assert "the adapter of backend 'echo' cannot be imported: ModuleNotFoundError" in done.stderr
    assert run("ops").returncode == 0
