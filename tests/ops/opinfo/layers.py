"""Layers, activations with parameters, losses: how torch's arguments become ours."""

from __future__ import annotations

from functools import wraps

from samples import Entry, Unlike, call


def loss(op, *names):
    """`f(input, target, …, reduction="mean")`; the arguments that stand in both are named."""

    def ours(x, target, reduction="mean", **rest):
        if rest.keys() - set(names):
            raise Unlike(f"the arguments {sorted(rest.keys() - set(names))}")
        return call(op, x, target, reduction=reduction, **rest)

    return ours


def scaled(op, name):
    def ours(x, *args, inplace=False, **rest):
        if inplace or rest.keys() - {name}:
            raise Unlike("in place")
        return call(op, x, **({name: args[0]} if args else rest))

    return ours


def hard_tanh(x, min_val=-1.0, max_val=1.0, inplace=False):
    if (min_val, max_val) != (-1, 1):
        raise Unlike("other bounds")
    return call("hard_tanh", x)


def gelu(x, approximate="none"):
    return call("gelu", x, approximate=approximate)


def glu(x, dim=-1):
    return call("glu", x, axis=dim)


def affine(x, weight, bias, axis):
    """Return ones and zeros for what is not there."""
    shape = x.shape[axis]
    return (
        x.new_ones(shape) if weight is None else weight,
        x.new_zeros(shape) if bias is None else bias,
    )


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    if len(shape) != 1 or eps < 0:
        raise Unlike("several axes, or an epsilon below 0")
    return call("layer_norm", x, *affine(x, weight, bias, -1), eps=eps)


def rms_norm(x, shape, weight=None, eps=None):
    if len(shape) != 1 or (eps or 0) < 0:
        raise Unlike("several axes, or an epsilon below 0")
    weight, _ = affine(x, weight, None, -1)
    return call("rms_norm", x, weight, eps=2.0**-52 if eps is None else eps)


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    return call("group_norm", x, groups, weight=weight, bias=bias, eps=eps)


def instance_norm(
    x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
    momentum=0.1, eps=1e-5,
):  # fmt: skip
    if not use_input_stats:
        raise Unlike("running statistics")
    return call("instance_norm", x, weight=weight, bias=bias, eps=eps)


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    weight, bias = affine(x, weight, bias, 1) if x.dim() > 1 else (weight, bias)
    if weight is None or bias is None:
        raise Unlike("no channels")
    if training:
        return call("batch_norm", x, weight, bias, eps=eps)
    return call("batch_norm", x, weight, bias, eps=eps, running_mean=mean, running_var=var)


def embedding(weight, indices, padding_idx=None, max_norm=None, norm_type=2.0,
              scale_grad_by_freq=False, sparse=False):  # fmt: skip
    if max_norm is not None or scale_grad_by_freq:
        raise Unlike("it writes into the weight, or scales")
    return call("embedding", indices, weight, padding_idx=padding_idx)


def convolution(op):
    def ours(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        rest = {"stride": stride, "padding": padding, "dilation": dilation}
        return call(op, x, weight, **_ints(rest), groups=groups, bias=bias)

    return ours


def transposed(op):
    def ours(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        rest = {"stride": stride, "padding": padding, "output_padding": output_padding}
        return call(op, x, weight, **_ints(rest | {"dilation": dilation}), groups=groups, bias=bias)

    return ours


def _ints(rest):
    return {key: one[0] if isinstance(one, (list, tuple)) and len(one) == 1 else one
            for key, one in rest.items()}  # fmt: skip


def batched(axes, ours):
    """Take what has samples and channels alone."""

    @wraps(ours)
    def pooled(x, *rest, **named):
        if x.dim() != axes + 2:
            raise Unlike("no samples")
        return ours(x, *rest, **named)

    return pooled


def max_pool(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
             return_indices=False):  # fmt: skip
    rest = {"stride": stride, "padding": padding, "dilation": dilation}
    return call("max_pool", x, kernel_size, **_ints(rest), ceil_mode=ceil_mode)


def avg_pool(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
             divisor_override=None):  # fmt: skip
    if divisor_override is not None:
        raise Unlike("another divisor")
    rest = {"stride": stride, "padding": padding}
    return call(
        "avg_pool", x, kernel_size, **_ints(rest), ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )  # fmt: skip


def adaptive(x, size):
    sides = size if isinstance(size, (list, tuple)) else [size]
    if None in sides:
        raise Unlike("a length as it is")
    return call("adaptive_avg_pool", x, size)


def similar(x, y, dim=1, eps=1e-8):
    return call("cosine_similarity", x, y, axis=dim, eps=eps)


def attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
              enable_gqa=False):  # fmt: skip
    if dropout_p:
        raise Unlike("dropout")
    return call(
        "scaled_dot_product_attention", q, k, v, causal=is_causal, mask=attn_mask, scale=scale
    )


def triplet(x, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, reduction="mean"):
    return call(
        "triplet_margin_loss", x, positive, negative, margin=margin, p=float(p), eps=eps,
        swap=swap, reduction=reduction,
    )  # fmt: skip


def cosine_embedding(x, y, target, margin=0.0, reduction="mean"):
    whole = target.detach().long()
    if not bool((abs(whole) == 1).all() and (whole == target).all()):
        raise Unlike("a target other than 1 and -1")
    return call("cosine_embedding_loss", x, y, whole, margin=margin, reduction=reduction)


def resized(mode):
    def ours(x, size=None, scale_factor=None, mode=mode, align_corners=None,
             recompute_scale_factor=None):  # fmt: skip
        if size is None:
            raise Unlike("a factor in place of a size")
        return call("interpolate", x, size, mode=mode, align_corners=bool(align_corners))

    return ours


def ctc(x, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Its probabilities add up to 1, so that as logits they are what they are."""
    lengths = [targets.new_tensor(one) for one in (input_lengths, target_lengths)]
    return call(
        "ctc_loss", x, targets, *lengths, blank=blank, reduction=reduction,
        zero_infinity=zero_infinity,
    )  # fmt: skip


def pool_value(out):
    return out[0] if isinstance(out, tuple) else out


def functional(op, ours, name=None, variant="", **rest):
    return Entry(op, f"nn.functional.{name or op}", ours, variant, **rest)


LAYERS = [
    functional("elu", scaled("elu", "alpha")),
    functional("celu", scaled("celu", "alpha")),
    functional("leaky_relu", scaled("leaky_relu", "negative_slope")),
    functional("hard_tanh", hard_tanh, "hardtanh"),
    functional("gelu", gelu),
    functional("glu", glu),
    functional("layer_norm", layer_norm),
    functional("rms_norm", rms_norm),
    functional("group_norm", group_norm),
    functional("instance_norm", instance_norm),
    functional("batch_norm", batch_norm),
    functional("embedding", embedding),
    *(functional(f"conv{n}d", convolution(f"conv{n}d")) for n in (1, 2, 3)),
    *(functional(f"conv_transpose{n}d", transposed(f"conv_transpose{n}d")) for n in (1, 2)),
    *(
        functional("max_pool", batched(n, max_pool), f"max_pool{n}d", result=pool_value)
        for n in (1, 2, 3)
    ),
    *(functional("avg_pool", batched(n, avg_pool), f"avg_pool{n}d") for n in (1, 2, 3)),
    *(
        functional("adaptive_avg_pool", batched(n, adaptive), f"adaptive_avg_pool{n}d")
        for n in (1, 2, 3)
    ),
    *(functional("interpolate", resized(m), "interpolate", m) for m in ("nearest", "bilinear")),
    functional("cosine_similarity", similar),
    functional("scaled_dot_product_attention", attention),
    functional("mse_loss", loss("mse_loss")),
    functional("l1_loss", loss("l1_loss")),
    functional("smooth_l1_loss", loss("smooth_l1_loss", "beta")),
    functional("huber_loss", loss("huber_loss", "delta")),
    functional("kl_div", loss("kl_div", "log_target")),
    functional("binary_cross_entropy", loss("binary_cross_entropy", "weight")),
    functional(
        "binary_cross_entropy_with_logits",
        loss("binary_cross_entropy_with_logits", "weight", "pos_weight"),
    ),
    functional("nll_loss", loss("nll_loss", "weight", "ignore_index")),
    functional("cross_entropy", loss("cross_entropy", "weight", "ignore_index", "label_smoothing")),
    functional("ctc_loss", ctc, largest=20_000),  # there are no smaller ones
    functional("triplet_margin_loss", triplet),
    functional("cosine_embedding_loss", cosine_embedding),
]
