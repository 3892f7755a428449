"""Models of torch as people port them to JAX: an encoder block, a convolution block."""

from functools import partial

import pytest
from findings import blamed, compared, origins, shown
from surroundings import framework

from gradcmp import tap

torch = framework("torch")
jax = framework("jax")
pytestmark = pytest.mark.frameworks

import jax.numpy as jnp  # noqa: E402
from jax import lax, nn  # noqa: E402

WIDTH, HEADS = 16, 4


def encoder_torch():
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    with torch.no_grad():
        for name, one in layer.named_parameters():  # norms and biases that are not ones and zeros
            if one.ndim == 1:
                one.copy_(torch.randn_like(one) * 0.3 + ("norm" in name and "weight" in name))
    return layer


def layer_norm(x, weight, bias, eps=1e-5):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + eps) * weight + bias


def attention(x, in_proj_weight, in_proj_bias, out_proj, axis=-1, scale=True):
    batch, time, width = x.shape
    q, k, v = jnp.split(x @ in_proj_weight.T + in_proj_bias, 3, axis=-1)
    q, k, v = (one.reshape(batch, time, HEADS, -1).transpose(0, 2, 1, 3) for one in (q, k, v))
    scores = q @ k.transpose(0, 1, 3, 2)
    if scale:
        scores = scores / (width // HEADS) ** 0.5
    mixed = (nn.softmax(scores, axis=axis) @ v).transpose(0, 2, 1, 3).reshape(batch, time, width)
    return mixed @ out_proj["weight"].T + out_proj["bias"]


def encoder_jax(
    src,
    self_attn,
    linear1,
    linear2,
    norm1,
    norm2,
    eps=1e-5,
    post=False,
    approximate=False,
    **options,
):
    def norm(name, x, p):
        return tap(name, layer_norm(x, p["weight"], p["bias"], eps))

    def linear(name, x, p):
        return tap(name, x @ p["weight"].T + p["bias"])

    def attend(x):
        return tap("self_attn.0", attention(x, **self_attn, **options))

    def feed_forward(x):
        return linear("linear2", nn.gelu(linear("linear1", x, linear1), approximate), linear2)

    if post:
        h = norm("norm1", src + attend(src), norm1)
        return norm("norm2", h + feed_forward(h), norm2)
    h = src + attend(norm("norm1", src, norm1))
    return h + feed_forward(norm("norm2", h, norm2))


def ported(**changes):
    """Return the port with a bug."""

    def jax_encoder(src, self_attn, linear1, linear2, norm1, norm2):
        return encoder_jax(src, self_attn, linear1, linear2, norm1, norm2, **changes)

    return jax_encoder


ENCODER = {"src": "normal:2x5x16"}


def thorough(*values):
    """Return values of a test that a run of all leaves to `make thorough`."""
    return pytest.param(*values, marks=pytest.mark.thorough)


BFLOAT16 = thorough("bfloat16", "off")


@pytest.mark.parametrize(("dtype", "layouts"), [("float32", "auto"), BFLOAT16])
def test_an_encoder_block_agrees(dtype, layouts):
    functions = {"jax": ported(), "torch": encoder_torch()}
    verdict = compared(functions, ENCODER, "torch", dtype=dtype, layouts=layouts)
    assert verdict.agrees, shown(verdict)
    assert {*verdict.tensors} >= {"norm1", "self_attn.0", "d linear1", "d norm2.weight"}


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        thorough({"eps": 1e-6}, "norm1"),
        thorough({"post": True}, "norm1"),
        ({"scale": False}, "self_attn.0"),
        thorough({"axis": -2}, "self_attn.0"),
        thorough({"approximate": True}, "linear2"),  # what jax.nn.gelu does unless it is told
    ],
)
def test_a_bug_of_an_encoder_block_is_found_where_it_is(changes, origin):
    verdict = compared({"jax": ported(**changes), "torch": encoder_torch()}, ENCODER, "torch")
    assert not verdict.agrees, shown(verdict)
    assert origins(verdict) == {origin}
    assert blamed(verdict) == {"jax"}


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(4)
        self.conv2 = torch.nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.fc = torch.nn.Linear(6 * 4 * 4, 5)

    def forward(self, image):
        h = torch.relu(self.norm(self.conv1(image)))
        return self.fc(torch.relu(self.conv2(h)).flatten(1))


def block_torch():
    torch.manual_seed(1)
    block = Block()
    with torch.no_grad():
        block.norm.weight.copy_(torch.rand(4) + 0.5)
        block.norm.bias.copy_(torch.randn(4))
    return block


def kernels(given, order=(2, 3, 1, 0)):
    """Return parameters for images whose channels are last: OIHW is HWIO there."""
    moved = {name: one.transpose(order) if one.ndim == 4 else one for name, one in given.items()}
    return {"params": {name.replace(".", "_"): one for name, one in moved.items()}}


def block_jax(image, params, eps=1e-5, ddof=0, padding=((1, 1), (1, 1)), channels_last=False):
    conv = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    x = image.transpose(0, 2, 3, 1)
    h = conv(x, params["conv1_weight"], (1, 1), ((1, 1), (1, 1)))
    h = tap("conv1", h, axes=(0, 3, 1, 2))
    mean = h.mean((0, 1, 2))
    count = h.size // h.shape[-1]
    var = ((h - mean) ** 2).sum((0, 1, 2)) / (count - ddof)
    h = (h - mean) * lax.rsqrt(var + eps) * params["norm_weight"] + params["norm_bias"]
    h = nn.relu(tap("norm", h, axes=(0, 3, 1, 2)))
    h = conv(h, params["conv2_weight"], (2, 2), padding) + params["conv2_bias"]
    h = nn.relu(tap("conv2", h, axes=(0, 3, 1, 2)))
    flat = h if channels_last else h.transpose(0, 3, 1, 2)
    return tap("last", flat.reshape(len(h), -1) @ params["fc_weight"].T + params["fc_bias"])


def block_ported(**changes):
    """Return the port with a bug."""
    return lambda image, params: block_jax(image, params, **changes)


IMAGE = {"image": "normal:3x3x8x8"}
HANDED = {"parameters": {"jax": kernels}, "taps": {"jax": {"last": "fc"}}}


@pytest.mark.parametrize(("dtype", "layouts"), [("float32", "auto"), BFLOAT16])
def test_a_convolution_block_agrees_whatever_comes_last(dtype, layouts):
    functions = {"jax": block_ported(), "torch": block_torch()}
    verdict = compared(functions, IMAGE, "torch", dtype=dtype, layouts=layouts, **HANDED)
    assert verdict.agrees, shown(verdict)
    assert {*verdict.tensors} >= {"conv1", "d conv2", "fc", "d conv1.weight"}


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        ({"eps": 1e-3}, "norm"),  # what Keras has for 1e-5
        thorough({"ddof": 1}, "norm"),
        thorough({"padding": "SAME"}, "conv2"),  # which pads at the end alone
        ({"channels_last": True}, "fc"),  # flattened in another order
    ],
)
def test_a_bug_of_a_convolution_block_is_found_where_it_is(changes, origin):
    functions = {"jax": block_ported(**changes), "torch": block_torch()}
    verdict = compared(functions, IMAGE, "torch", **HANDED)
    assert not verdict.agrees, shown(verdict)
    assert origins(verdict) == {origin}


def test_a_kernel_that_is_transposed_wrongly_is_found_where_it_is():
    handed = {**HANDED, "parameters": {"jax": partial(kernels, order=(3, 2, 1, 0))}}
    functions = {"jax": block_ported(), "torch": block_torch()}
    verdict = compared(functions, IMAGE, "torch", **handed)
    assert origins(verdict) == {"conv1"}
