"""Functions in modes: compiled, and where a compiled one begins to be wrong."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import ExitCode, UsageError
from gradcmp.report.screen.plain import Screen

torch = framework("torch")
jax = framework("jax")
pytestmark = [pytest.mark.frameworks, pytest.mark.thorough]


INPUTS = {"x": "normal:8x6", "w": "ones:6"}


def rms_norm(x, w):
    h = gradcmp.tap("h", x.float() if x.dtype != torch.float64 else x)
    return (h * torch.rsqrt((h * h).mean(-1, keepdim=True) + 1e-5) * w).to(x.dtype)


def by_jax(x, w):
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(x, w, r)
        return x * r * w

    @staticmethod
    def backward(ctx, dy):
        x, w, r = ctx.saved_tensors
        n, dn = x * r, dy * w
        return r * (dn - n * (dn * n).mean(-1, keepdim=True)), (dy * n).sum(0)


def wrong_when_traced(x, w):
    """Return the right value, whose gradient a compiler loses."""
    return rms_norm(x.detach() if torch.compiler.is_compiling() else x, w)


@pytest.fixture(scope="module")
def twice():
    """Return an operation that the decompositions of Inductor get wrong."""
    from torch._inductor import decomposition

    library = torch.library.Library("gradcmp_sabotage", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
    name, packet = "gradcmp_sabotage::twice", torch.ops.gradcmp_sabotage.twice
    torch.library.register_fake(name)(torch.empty_like)
    torch.library.register_autograd(name, lambda ctx, dy: packet(dy))
    decomposition.register_decomposition([packet.default])(lambda x: x * 2.5)
    decomposition.fast_random_decomps.cache_clear()
    yield packet
    del decomposition.decompositions[packet.default]
    decomposition.fast_random_decomps.cache_clear()
    library._destroy()


def compare(functions, inputs=INPUTS, **options):
    return gradcmp.compare_functions(functions, inputs, against=next(iter(functions)), **options)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_modes_by_label_and_by_record_agree(dtype):
    functions = {
        "torch": rms_norm,
        "torch:aot_eager": rms_norm,
        "fused": gradcmp.Function(Fused.apply, mode="aot_eager"),
        "jax:jit": by_jax,
    }
    verdict = compare(functions, dtype=dtype)
    assert verdict.agrees
    assert not verdict.stages
    facts = {label: one.environment for label, one in verdict.recordings.items()}
    assert facts["torch:aot_eager"]["mode"] == facts["fused"]["mode"] == "aot_eager"
    assert facts["torch:aot_eager"]["graphs"] == "1"  # a tap is no break
    assert facts["jax:jit"]["mode"] == "jit"
    assert "mode" not in facts["torch"]


@pytest.mark.slow
def test_inductor_says_its_compiler():
    verdict = compare({"torch": rms_norm, "torch:compile": rms_norm})
    assert verdict.agrees
    assert verdict.recordings["torch:compile"].environment["compiler"]


def test_casts_are_left_out_of_what_is_compiled_for_float64():
    verdict = compare({"torch:aot_eager": rms_norm, "torch": lambda x, w: rms_norm(x.float(), w)})
    twins = [verdict.twins[label].values["output"] for label in ("torch:aot_eager", "torch")]
    np.testing.assert_allclose(*twins, rtol=1e-14)


def test_a_compiled_side_that_is_wrong_is_named_with_its_stage(twice):
    def function(x):
        return torch.sin(twice(x))

    functions = {
        "eager": function,
        "fine": gradcmp.Function(function, mode="aot_eager"),
        "wrong": gradcmp.Function(function, mode="aot_eager_decomp_partition"),
    }
    verdict = compare(functions, {"x": "normal:4x3"}, framework="torch")
    assert {f.side for by in verdict.findings.values() for f in by.values()} == {"wrong"}
    beside = {str(pair) for pair, name, _ in verdict.disagreements if name == "d x"}
    assert {"wrong – eager", "wrong – fine"} <= beside  # it is no branch that is free
    assert {*verdict.stages} == {"wrong"}
    assert [(one.mode, one.wrong) for one in verdict.stages["wrong"]] == [
        ("eager", False),
        ("aot_eager", False),
        ("aot_eager_decomp_partition", True),
    ]
    said = " ".join(Screen().of_case(verdict).split())
    assert "wrong is wrong from aot_eager_decomp_partition on: Inductor's decompositions" in said
    assert "not in eager, aot_eager" in said


def test_the_reference_may_be_the_compiled_side(twice):
    functions = {
        "wrong": gradcmp.Function(twice, mode="aot_eager_decomp_partition", framework="torch"),
        "eager": lambda x: x * 2,
    }
    verdict = gradcmp.compare_functions(
        functions, {"x": "normal:4x3"}, against="wrong", framework="torch"
    )
    assert not verdict.agrees
    assert [one.wrong for one in verdict.stages["wrong"]] == [False, False, True]


def test_what_is_wrong_eagerly_is_not_the_compiler_s():
    def doubled(x, w):
        return rms_norm(x, w) * 2

    verdict = compare({"right": rms_norm, "mine": gradcmp.Function(doubled, mode="aot_eager")})
    assert [one.wrong for one in verdict.stages["mine"]] == [False, False]
    assert "it is not the compiler" in " ".join(Screen().of_case(verdict).split())


def test_capture_that_loses_a_gradient_begins_there():
    functions = {"eager": rms_norm, "compiled": gradcmp.Function(wrong_when_traced, "aot_eager")}
    verdict = compare(functions)
    assert {name for _, name, _ in verdict.disagreements} == {"d x"}
    assert [one.wrong for one in verdict.stages["compiled"]] == [False, True]


def test_jit_that_is_wrong_begins_there(monkeypatch):
    from gradcmp.native.jax.program import Program

    def spoiled(self):
        def run(arrays):
            found = self.both(arrays)
            return {**found, "gradients": {n: -g for n, g in found["gradients"].items()}}

        return jax.jit(run)

    monkeypatch.setattr(Program, "jitted", property(spoiled))
    verdict = compare({"eager": by_jax, "jax:jit": by_jax}, framework="jax")
    assert {f.side for by in verdict.findings.values() for f in by.values()} == {"jax:jit"}
    assert [(one.mode, one.wrong) for one in verdict.stages["jax:jit"]] == [
        ("eager", False),
        ("jit", True),
    ]


def test_a_compiler_that_fails_is_told_from_where(monkeypatch):
    from gradcmp.backends import torch_compile

    def fails(*_):
        raise RuntimeError("no such luck")

    torch._dynamo.register_backend(fails, name="gradcmp_fails")
    monkeypatch.setitem(torch_compile.BACKENDS, "aot_eager_decomp_partition", "gradcmp_fails")
    mode = "aot_eager_decomp_partition"
    verdict = compare({"eager": rms_norm, "compiled": gradcmp.Function(rms_norm, mode=mode)})
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    assert "no such luck" in verdict.failures[0].message
    assert [one.wrong for one in verdict.stages["compiled"]] == [False, False, True]
    assert f"compiled fails from {mode} on" in Screen().of_case(verdict)


def test_what_is_not_compiled_at_all_is_an_error():
    @torch.compiler.disable
    def inner(x, w):
        return rms_norm(x, w)

    def function(x, w):
        return inner(x, w)

    verdict = compare({"eager": rms_norm, "torch:aot_eager": function})
    assert "compiled nothing of 'function'" in verdict.failures[0].message


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (gradcmp.Function(rms_norm, mode="compil"), "no mode 'compil'. Did you mean 'compile'"),
        (gradcmp.Function(by_jax, mode="compile"), "functions of jax have no mode 'compile'"),
        (gradcmp.Function(by_jax, autocast="bfloat16"), "autocast is torch's alone"),
        (gradcmp.Function(rms_norm, autocast="float32"), "down to bfloat16 or float16"),
    ],
)
def test_bad_modes(function, text):
    with pytest.raises(UsageError, match=text):
        compare({"mine": function, "torch": rms_norm})


def test_an_assertion_names_the_mode():
    compiled = gradcmp.Function(wrong_when_traced, mode="aot_eager")
    with pytest.raises(
        AssertionError, match="wrong_when_traced:aot_eager's gradient of x is wrong"
    ):
        gradcmp.assert_gradients_agree(compiled, against=rms_norm, inputs=INPUTS)
