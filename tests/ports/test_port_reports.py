"""Public reports of wrong gradients, as the code that they were in."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from findings import blamed, compared, disagreeing, shown
from surroundings import framework

torch = framework("torch")
pytestmark = pytest.mark.frameworks

REPORTS = Path(__file__).parents[1] / "reports"


def data(report):
    (folder,) = REPORTS.glob(f"{report}-*")
    with np.load(folder / "data.npz") as held:
        return {name: held[name] for name in held}


def function(forward, backward):
    """Return the `apply` of a function of torch whose backward pass is given."""

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            return backward(dy, *ctx.saved_tensors)

    names = forward.__code__.co_varnames[: forward.__code__.co_argcount]
    return lambda **inputs: Written.apply(*(inputs[name] for name in names))


def swiglu(gate, up):
    return torch.nn.functional.silu(gate) * up


def swiglu_backward(dy, gate, up, swapped):
    s = torch.sigmoid(gate)
    d_gate, d_up = dy * up * s * (1 + gate * (1 - s)), dy * gate * s
    return (d_up, d_gate) if swapped else (d_gate, d_up)


def layer_norm(X, w, b, C):
    return (torch.nn.functional.layer_norm(X, X.shape[-1:], w, b) * C).sum()


def layer_norm_backward(dy, X, w, b, C, two_axes):
    m = X.mean(-1, keepdim=True)
    r = torch.rsqrt(((X - m) ** 2).mean(-1, keepdim=True) + 1e-5)
    z, g = (X - m) * r, dy * C * w
    axes = (1, 2) if two_axes else (2,)  # of (batch, time, width) its rows are (time, width)
    dx = r * (g - g.mean(axes, keepdim=True) - z * (g * z).mean(axes, keepdim=True))
    return dx, (dy * C * z).sum((0, 1)), (dy * C).sum((0, 1)), dy * (z * w + b)


def rms_norm(X, w):
    return X * torch.rsqrt((X * X).mean(-1, keepdim=True) + 1e-6) * w


def rms_norm_backward(dy, X, w, along_columns):
    r = torch.rsqrt((X * X).mean(-1) + 1e-6)
    g = dy * w
    c = (g * X).mean(-1) * r**3
    dx = g * r[:, None] - X * (c if along_columns else c[:, None])
    return dx, (dy * X * r[:, None]).sum(0)


def mlp(X, Wg, Wu, Wd):
    y = (torch.nn.functional.silu(X @ Wg) * (X @ Wu)) @ Wd
    return (y * y).sum()


def mlp_backward(dy, X, Wg, Wu, Wd, one_term):
    gate, up = X @ Wg, X @ Wu
    s = torch.sigmoid(gate)
    h = gate * s * up
    d_out = 2 * dy * (h @ Wd)
    dh = d_out @ Wd.T
    d_gate, d_up = dh * up * s * (1 + gate * (1 - s)), dh * gate * s
    dx = d_up @ Wu.T if one_term else d_up @ Wu.T + d_gate @ Wg.T
    return dx, X.T @ d_gate, X.T @ d_up, h.T @ d_out


def rotate(X, c, s):
    a, b = X[..., :3], X[..., 3:]
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def rotary(X, c, s, C):
    return (rotate(X, c, s) * C).sum()


def rotary_backward(dy, X, c, s, C, on):
    return rotate(dy * C, c, s if on else -s), None, None, None


def lstm(X, W, b, zero):
    h = c = zero
    for x in X:
        i, f, o, g = (torch.cat([x, h], 1) @ W + b).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return (h * h).sum()


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_by_hand(X, W, b, zero, averaged):
    h, c, kept = zero, zero, []
    for x in X:
        both = np.concatenate([x, h], 1)
        i, f, o, g = np.split(both @ W + b, 4, 1)
        i, f, o, g, before = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g), c
        c = f * c + i * g
        h = o * np.tanh(c)
        kept.append((both, i, f, o, g, before, c))
    dh, dc, dW, db = 2 * h, np.zeros_like(c), np.zeros_like(W), np.zeros_like(b)
    for both, i, f, o, g, before, c in reversed(kept):
        t = np.tanh(c)
        dc = dc + dh * o * (1 - t * t)
        inner = dc * g * i * (1 - i), dc * before * f * (1 - f), dh * t * o * (1 - o)
        da = np.concatenate([*inner, dc * i * (1 - g * g)], 1)
        dW, db = dW + both.T @ da, db + da.sum(0)
        dh, dc = (da @ W.T)[:, X.shape[-1] :], dc * f
    count = len(X) if averaged else 1
    return (h * h).sum(), {"W": dW / count, "b": db / count}


# By report: what it should be, what somebody wrote (wrong or right), and the gradients that are.
CASES = {
    "02": (swiglu, swiglu_backward, {"d gate", "d up"}),
    "04": (layer_norm, layer_norm_backward, {"d X"}),
    "06": (rms_norm, rms_norm_backward, {"d X"}),
    "20": (mlp, mlp_backward, {"d X"}),
    "27": (rotary, rotary_backward, {"d X"}),
    "40": (lstm, lstm_by_hand, {"d W", "d b"}),
}
WRT = {"04": ["X", "w", "b"], "27": ["X"], "40": ["W", "b"]}
SAID = {  # of what is wrong with it, in words; of a term that is missing code knows nothing
    "02": "interchanged with",
    "06": "off the diagonal",
    "40": "5 × too small",
}


def judged(report, is_wrong, dtype="float32", layouts="off"):
    reference, written, _ = CASES[report]
    if written is lstm_by_hand:
        mine = partial(lstm_by_hand, averaged=is_wrong)
    else:
        backward = partial(
            written, **{written.__code__.co_varnames[written.__code__.co_argcount - 1]: is_wrong}
        )
        mine = function(reference, backward)
    frameworks = {"mine": "numpy" if written is lstm_by_hand else "torch"}
    functions = {"mine": mine, "torch": reference}
    return compared(
        functions,
        data(report),
        "torch",
        dtype=dtype,
        layouts=layouts,
        wrt=WRT.get(report),
        framework=frameworks,
        cotangent="ones" if report == "02" else "random",
    )


@pytest.mark.parametrize(
    ("report", "dtype"), [*((report, "float32") for report in CASES), ("06", "bfloat16")]
)
def test_the_right_code_agrees(report, dtype):
    verdict = judged(report, False, dtype, "auto")
    assert verdict.agrees, shown(verdict)


@pytest.mark.parametrize("report", CASES)
def test_the_code_of_the_report_is_found_wrong(report):
    verdict = judged(report, True)
    assert disagreeing(verdict) == CASES[report][2], shown(verdict)
    assert blamed(verdict) == {"mine"}
    assert SAID.get(report, "") in " ".join(shown(verdict).split())
