"""The plugin for pytest: configs are tests, and failures read like the screen."""

import pytest

pytest_plugins = ["pytester"]

SEED = """
name: seed
inputs: {X: normal:4x3, Y: ones:4x3, Z: arange:4x3}
graph: {node1: X*Y, node2: node1+Z, node3: sum(node2)}
backends: [numpy, torch]
"""
WRONG = """
name: wrong
inputs: {x: normal:4x3}
code:
  right: {torch: functions.py:right}
  wrong: {torch: functions.py:wrong}
"""
FUNCTIONS = """
import torch


def right(x):
    return torch.tanh(x)


def wrong(x):
    return torch.tanh(x.detach()) + x - x.detach()
"""


@pytest.fixture
def suite(pytester):
    (pytester.path / "seed.gradcmp.yaml").write_text(SEED)
    return pytester


def run(suite, *arguments):
    return suite.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.usefixtures("with_torch")
def test_a_config_is_a_test_for_each_pair(suite):
    done = run(suite, "-v")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*seed.gradcmp.yaml::seed*torch*numpy* PASSED*"])


@pytest.mark.usefixtures("with_torch")
def test_a_wrong_gradient_fails_as_the_screen_says(suite):
    suite.makefile(".yaml", gradcmp=WRONG)
    suite.makepyfile(functions=FUNCTIONS)
    done = run(suite)
    assert done.parseoutcomes()["failed"] == 2  # beside the reference and beside the other function
    said = "*✗ wrong: wrong's gradient of x is wrong (bug, not rounding)*"
    done.stdout.fnmatch_lines([said, "*first divergence  backward, at d x;*"])
    done.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.thorough
@pytest.mark.usefixtures("with_torch")
def test_workers_are_warm_for_a_session(suite):
    suite.makepyfile(
        """
        def test_one(gradcmp):
            assert gradcmp.run("seed.gradcmp.yaml").agrees


        def test_two(gradcmp):
            assert gradcmp.run("seed.gradcmp.yaml").agrees
            assert len(gradcmp.pool._lanes) == 2
        """
    )
    run(suite).assert_outcomes(passed=3)


@pytest.mark.processes
def test_a_bad_config_is_an_error_of_the_collection(suite):
    (suite.path / "bad.gradcmp.yaml").write_text(SEED.replace("sum(", "smu("))
    done = run(suite, "--collect-only")
    done.stdout.fnmatch_lines(["*Did you mean 'sum'*"])
    assert done.ret != 0


@pytest.mark.thorough
@pytest.mark.usefixtures("with_torch")
def test_an_optional_backend_that_is_absent_skips(suite):
    absent = SEED.replace(
        "[numpy, torch]", "[numpy, {name: torch, python: nowhere, required: false}]"
    )
    (suite.path / "seed.gradcmp.yaml").write_text(absent)
    run(suite).assert_outcomes(skipped=1)
    required = absent.replace("required: false", "required: true")
    (suite.path / "seed.gradcmp.yaml").write_text(required)
    assert run(suite).parseoutcomes()["failed"] == 1


@pytest.mark.thorough
@pytest.mark.usefixtures("with_torch")
def test_a_weak_check_fails_where_the_case_is_strict(suite):
    weak = SEED.replace("sum(node2)", "sum(node2) * 0.0")
    (suite.path / "seed.gradcmp.yaml").write_text(weak)
    run(suite).assert_outcomes(passed=1)
    (suite.path / "seed.gradcmp.yaml").write_text(weak + "strict: true\n")
    run(suite).assert_outcomes(failed=1)


@pytest.mark.processes
def test_other_files_are_left_alone(suite):
    suite.makefile(".yaml", other="inputs: nonsense")
    done = run(suite, "--collect-only", "-q")
    done.stdout.no_fnmatch_line("*other.yaml*")


@pytest.mark.usefixtures("with_torch")
def test_under_xdist(suite):
    run(suite, "-n", "2").assert_outcomes(passed=1)
