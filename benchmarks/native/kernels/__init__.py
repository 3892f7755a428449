"""Kernels with a backward pass by hand, and the bugs of real life that are planted in them."""

from benchmarks.native.kernels import (
    attention,
    cross_entropy,
    embedding,
    gelu,
    layer_norm,
    rms_norm,
    rotary,
    softmax,
    swiglu,
)

KERNELS = {
    "softmax": softmax.KERNEL,
    "cross-entropy": cross_entropy.KERNEL,
    "soft targets": cross_entropy.SOFT,
    "layer norm": layer_norm.KERNEL,
    "RMS norm": rms_norm.KERNEL,
    "SwiGLU": swiglu.KERNEL,
    "GELU": gelu.KERNEL,
    "rotary": rotary.KERNEL,
    "attention": attention.KERNEL,
    "embedding": embedding.KERNEL,
}
