"""Do my gradients agree? NumPy by hand, TensorFlow, PyTorch and JAX, element by element.

>>> import gradcmp
>>> verdict = gradcmp.run(gradcmp.seed_case())  # doctest: +SKIP
>>> verdict.agrees  # doctest: +SKIP
True
"""

from gradcmp.version import VERSION

# Nothing of the standard library, not even __future__: under `python -m gradcmp` the current
# directory is still asked for it here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from gradcmp.api import compare, run, run_all
    from gradcmp.case import BackendSpec, Case, Effort, Expression, Fixed, InputSpec, Ulp
    from gradcmp.config import find, load, seed_case
    from gradcmp.errors import GradcmpError
    from gradcmp.functions.compare import compare_functions
    from gradcmp.functions.edges.compare import compare_at_edges
    from gradcmp.functions.question import Function
    from gradcmp.judge import CaseVerdict, Comparison
    from gradcmp.native.taps import tap
    from gradcmp.plan import Plan, check
    from gradcmp.recording import Failure, Recording
    from gradcmp.testing.assertions import GradientWarning, assert_close, assert_gradients_agree
    from gradcmp.workers import Pool

__version__ = VERSION

# Where each public name lives; a name is imported when it is first used.
_HOMES = {
    "gradcmp.api": ("compare", "run", "run_all"),
    "gradcmp.testing.assertions": ("GradientWarning", "assert_close", "assert_gradients_agree"),
    "gradcmp.case": ("BackendSpec", "Case", "Effort", "Expression", "Fixed", "InputSpec", "Ulp"),
    "gradcmp.config": ("find", "load", "seed_case"),
    "gradcmp.errors": ("GradcmpError",),
    "gradcmp.functions.compare": ("compare_functions",),
    "gradcmp.functions.edges.compare": ("compare_at_edges",),
    "gradcmp.functions.question": ("Function",),
    "gradcmp.judge": ("CaseVerdict", "Comparison"),
    "gradcmp.native.taps": ("tap",),
    "gradcmp.plan": ("Plan", "check"),
    "gradcmp.recording": ("Failure", "Recording"),
    "gradcmp.workers": ("Pool",),
}

__all__ = [
    "BackendSpec",
    "Case",
    "CaseVerdict",
    "Comparison",
    "Effort",
    "Expression",
    "Failure",
    "Fixed",
    "Function",
    "GradcmpError",
    "GradientWarning",
    "InputSpec",
    "Plan",
    "Pool",
    "Recording",
    "Ulp",
    "assert_close",
    "assert_gradients_agree",
    "check",
    "compare",
    "compare_at_edges",
    "compare_functions",
    "find",
    "load",
    "run",
    "run_all",
    "seed_case",
    "tap",
]


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'gradcmp' has no attribute '{name}'")
