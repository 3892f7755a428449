"""Nets of three layers whose middle one has a backward pass of its own, right or spoiled.

Each is in a module of the one framework that it needs: what is spoiled is ``forward`` or
``backward``, in one dtype or in all.
"""

import gradcmp
from gradcmp.report.screen.matrix import alone

INPUTS = {"x": "normal:6x5", "w1": "normal:5x7", "w2": "normal:7x7", "w3": "normal:7x3"}
TAPS = ("h1", "h2", "h3")
FACTOR = 1.5

TORCH = """
import torch
from gradcmp import tap

FACTOR = {factor}


def middle(bug="", dtype=""):
    def at(place, y):
        return FACTOR if bug == place and dtype in ("", str(y.dtype).removeprefix("torch.")) else 1

    class Middle(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h, w):
            y = torch.tanh(h @ w)
            ctx.save_for_backward(h, w, y)
            return y * at("forward", y)

        @staticmethod
        def backward(ctx, dy):
            h, w, y = ctx.saved_tensors
            da = dy * (1 - y * y) * at("backward", y)
            return da @ w.T, h.T @ da

    return Middle.apply


def net(bug="", dtype=""):
    def function(x, w1, w2, w3):
        h = tap("h1", torch.sigmoid(x @ w1))
        h = tap("h2", middle(bug, dtype)(h, w2))
        return tap("h3", h @ w3).exp().sum()

    return function


right, backward, forward = net(), net("backward"), net("forward")


def untapped(x, w1, w2, w3):
    return (torch.tanh(torch.sigmoid(x @ w1) @ w2) @ w3).exp().sum()
"""
JAX = """
import jax
import jax.numpy as jnp
from gradcmp import tap

FACTOR = {factor}


def middle(bug="", dtype=""):
    def at(place, y):
        return FACTOR if bug == place and dtype in ("", y.dtype.name) else 1

    def forward(h, w):
        y = jnp.tanh(h @ w)
        return y * at("forward", y), (h, w, y)

    def backward(kept, dy):
        h, w, y = kept
        da = dy * (1 - y * y) * at("backward", y)
        return da @ w.T, h.T @ da

    function = jax.custom_vjp(lambda h, w: forward(h, w)[0])
    function.defvjp(forward, backward)
    return function


def net(bug="", dtype=""):
    def function(x, w1, w2, w3):
        h = tap("h1", jax.nn.sigmoid(x @ w1))
        h = tap("h2", middle(bug, dtype)(h, w2))
        return jnp.exp(tap("h3", h @ w3)).sum()

    return function


right, backward, forward = net(), net("backward"), net("forward")
"""
TENSORFLOW = """
import tensorflow as tf
from gradcmp import tap

FACTOR = {factor}


def middle(bug="", dtype=""):
    def at(place, y):
        return FACTOR if bug == place and dtype in ("", y.dtype.name) else 1

    @tf.custom_gradient
    def function(h, w):
        y = tf.tanh(h @ w)

        def backward(dy):
            da = dy * (1 - y * y) * at("backward", y)
            return da @ tf.transpose(w), tf.transpose(h) @ da

        return y * at("forward", y), backward

    return function


def net(bug="", dtype=""):
    def function(x, w1, w2, w3):
        h = tap("h1", tf.sigmoid(x @ w1))
        h = tap("h2", middle(bug, dtype)(h, w2))
        return tf.reduce_sum(tf.exp(tap("h3", h @ w3)))

    return function


right, backward, forward = net(), net("backward"), net("forward")
"""
NUMPY = """
import numpy as np
from gradcmp import tap

FACTOR = {factor}


def net(bug="", ignores=False):
    factor = {{bug: FACTOR}}

    def function(x, w1, w2, w3):
        h1 = 1 / (1 + np.exp(-(x @ w1)))
        told = tap("h1", h1)
        h1 = h1 if ignores else told
        h2 = tap("h2", np.tanh(h1 @ w2) * x.dtype.type(factor.get("forward", 1)))
        h3 = tap("h3", h2 @ w3)

        def pullback(dy):
            d3 = tap("d h3", dy * np.exp(h3))
            d2 = tap("d h2", d3 @ w3.T)
            da = d2 * (1 - h2 * h2) * x.dtype.type(factor.get("backward", 1))
            d1 = tap("d h1", da @ w2.T)
            db = d1 * h1 * (1 - h1)
            return {{"x": db @ w1.T, "w1": x.T @ db, "w2": h1.T @ da, "w3": h2.T @ d3}}

        return np.exp(h3).sum(), pullback

    return function
"""
SOURCES = {"torch": TORCH, "jax": JAX, "tensorflow": TENSORFLOW, "numpy": NUMPY}


def source(framework: str) -> str:
    """Return the text of a module with the nets of a framework."""
    return SOURCES[framework].format(factor=FACTOR)


def nets(framework: str):
    """Return what makes a net of a framework."""
    return _module(framework)["net"]


def middles(framework: str):
    """Return what makes the middle layer of a net."""
    return _module(framework)["middle"]


def _module(framework: str) -> dict:
    home: dict = {}
    exec(compile(source(framework), f"{framework}_nets.py", "exec"), home)
    return home


def isolated(functions, **options):
    options = {"layouts": "off", "isolate": True, **options}
    return gradcmp.compare_functions(functions, INPUTS, **options)


def states(verdict, label):
    return {part: alone(verdict, part, label)[1] for part in verdict.isolated}
