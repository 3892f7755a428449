"""Kernels that add up in float32: in float64 they lose digits, which is no bug, and no licence."""

import pytest
from surroundings import framework

import gradcmp

torch = framework("torch")
pytestmark = pytest.mark.frameworks

INPUTS = {"x": "normal:9x12", "w": "normal:12"}


def plain(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


class Fused(torch.autograd.Function):
    """RMS norm in a dtype of its own, its gradient off by a factor."""

    @staticmethod
    def forward(ctx, x, w, kind):
        z, v = x.to(kind[0]), w.to(kind[0])
        r = torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(z, v, r)
        ctx.kind, ctx.dtype = kind, x.dtype
        return (z * r * v).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        z, v, r = ctx.saved_tensors
        dy = dy.to(ctx.kind[0])
        g = dy * v
        dx = r * (g - z * r * r * (g * z).mean(-1, keepdim=True)) * (1 + ctx.kind[1])
        return dx.to(ctx.dtype), (dy * z * r).sum(0).to(ctx.dtype), None


def fused(inner, error=0.0):
    return lambda x, w: Fused.apply(x, w, (inner, error))


def verdicts(function, **options):
    functions = {"fused": function, "plain": plain}
    return gradcmp.compare_functions(
        functions, INPUTS, against="plain", dtype="float64", framework="torch", **options
    )


@pytest.mark.parametrize(
    ("inner", "names"),
    [(torch.float32, {"float32"}), (torch.bfloat16, {"float16", "bfloat16"})],
)
def test_casts_inside_are_lost_digits_in_float64(inner, names):
    verdict = verdicts(fused(inner))
    assert verdict.agrees
    assert {one.verdict.reason for _, _, one in verdict.warnings} == {"precision"}
    details = {one.verdict.detail.split(" in ")[-1].split()[0] for _, _, one in verdict.warnings}
    assert details <= names
    assert not verdicts(fused(inner), strict=True).agrees


@pytest.mark.parametrize("error", [1e-3, 1e-5, 1e-8])
def test_a_bug_beside_a_cast_is_a_bug(error):
    verdict = verdicts(fused(torch.float32, error))
    assert {name for _, name, _ in verdict.disagreements} == {"d x"}


def test_no_cast_is_no_excuse():
    verdict = verdicts(fused(torch.float64, 1e-8))
    assert {name: one.verdict.reason for _, name, one in verdict.disagreements} == {
        "d x": "suspect"
    }
