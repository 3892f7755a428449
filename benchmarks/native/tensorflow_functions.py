"""Blocks as people write them in TensorFlow and Keras, each with bugs to plant.

Each takes the name of a bug, None for none, and returns its function.
"""

from __future__ import annotations

import functools
import math

import keras
import numpy as np
import tensorflow as tf


def cross_entropy(bug=None):
    def function(x, labels, weight):
        smoothing = 0.1 if bug != "smoothing left out" else 0.0
        log_p = tf.nn.log_softmax(x)
        picked = tf.gather(log_p, tf.maximum(labels, 0), batch_dims=1)
        mean = tf.reduce_mean(log_p, -1)
        loss = -(1 - smoothing) * picked - smoothing * mean
        kept = tf.cast(labels >= 0, x.dtype) * weight
        count = tf.reduce_sum(kept)
        if bug == "ignored rows counted":
            count = tf.reduce_sum(weight)
        if bug == "weight detached":
            kept = tf.stop_gradient(kept)
        return tf.reduce_sum(loss * kept) / count

    return function


def feed_forward(bug=None):
    def function(x, gain, shift, w, v):
        eps = 1e-3 if bug == "wrong eps" else 1e-5
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        if bug == "mean detached":
            mean = tf.stop_gradient(mean)
        if bug == "variance detached":
            variance = tf.stop_gradient(variance)
        h = (x - mean) * tf.math.rsqrt(variance + eps) * gain + shift
        h = tf.nn.gelu(h @ w, approximate=bug != "exact gelu")
        return h @ v + (0.0 if bug == "residual left out" else x)

    return function


def swiglu(bug=None):
    def function(x, gain, gate, up, down):
        square = tf.reduce_mean(x * x, -1, keepdims=True)
        if bug == "norm detached":
            square = tf.stop_gradient(square)
        h = x * tf.math.rsqrt(square + (1e-2 if bug == "wrong eps" else 1e-6)) * gain
        act = tf.nn.silu if bug != "gelu for silu" else tf.nn.gelu
        return (act(h @ gate) * (h @ up)) @ down

    return function


def attention(bug=None):
    def rotated(x):
        half = x.shape[-1] // 2
        angle = np.outer(np.arange(x.shape[-2]), 100.0 ** (-np.arange(half) / half))
        cos, sin = tf.constant(np.cos(angle), x.dtype), tf.constant(np.sin(angle), x.dtype)
        a, b = x[..., :half], x[..., half:]
        if bug == "wrong sign in the rotation":
            sin = -sin
        return tf.concat([a * cos - b * sin, a * sin + b * cos], -1)

    def function(q, k, v):
        k_rotated = k if bug == "keys not rotated" else rotated(k)
        q_rotated = rotated(q)
        if bug == "wrong sign in the rotation":
            k_rotated = k_rotated * 1.0
        scale = 1 / math.sqrt(q.shape[-1])
        scores = tf.einsum("bqd,bkd->bqk", q_rotated, k_rotated)
        scores = scores * (scale if bug != "scale left out" else 1.0)
        n = q.shape[-2]
        band = tf.linalg.band_part(
            tf.ones((n, n), tf.bool), -1, 1 if bug == "mask off by one" else 0
        )
        scores = tf.where(band, scores, tf.constant(-1e9, scores.dtype))
        if bug == "softmax detached":
            return tf.stop_gradient(tf.nn.softmax(scores)) @ v
        if bug == "wrong sign in the rotation":
            scores = scores + tf.reduce_sum(q_rotated, -1, keepdims=True) * scale
            return tf.nn.softmax(scores, 1) @ v
        return tf.nn.softmax(scores) @ v

    return function


def convolutions(bug=None):
    def function(x, kernel, bias, depthwise, point):
        stride = 1 if bug == "another stride" else 2
        h = tf.nn.conv2d(x, kernel, stride, "VALID") + bias
        if bug == "another stride":
            h = h[:, ::2, ::2]
            h = h[:, :3, :3] if h.shape[1] > 3 else h
        h = tf.nn.relu(h) if bug != "leaky" else tf.nn.leaky_relu(h, 0.01)
        h = tf.nn.depthwise_conv2d(h, depthwise, (1, 1, 1, 1), "SAME")
        if bug == "bias twice":
            h = h + bias[0]
        h = tf.nn.conv2d(tf.nn.max_pool2d(h, 2, 1, "VALID"), point, 1, "SAME")
        if bug == "sum for mean":
            return tf.reduce_sum(h, (1, 2))
        return tf.reduce_mean(h, (1, 2))

    return function


@functools.cache
def lstm_layer():
    layer = keras.layers.LSTM(5, return_sequences=True, name="lstm")
    layer.build((None, None, 3))
    return layer


def lstm(bug=None):
    def function(x, kernel, recurrent, bias):
        h = c = tf.zeros((x.shape[0], 5), x.dtype)
        outputs = []
        for step in tf.unstack(x, axis=1):
            z = step @ kernel + h @ recurrent + bias
            i, f, g, o = tf.split(z, 4, -1)
            if bug == "gates exchanged":
                i, f = f, i
            if bug == "memory detached":
                c = tf.stop_gradient(c)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * (c if bug == "tanh left out" else tf.tanh(c))
            outputs.append(h)
        return tf.stack(outputs, 1)

    return function


def keras_lstm(bug=None):
    def function(x):
        y = lstm_layer()(tf.reverse(x, [1]) if bug == "reversed" else x)
        if bug == "last detached":
            return tf.concat([y[:, :-1], tf.stop_gradient(y[:, -1:])], 1)
        return y * 1.01 if bug == "scaled" else y

    return function


@functools.cache
def normed():
    inputs = keras.Input((6, 6, 2), name="x")
    h = keras.layers.Conv2D(3, 3, padding="same", name="first")(inputs)
    h = keras.layers.BatchNormalization(epsilon=1e-5, name="norm")(h)
    h = keras.layers.Conv2D(2, 3, padding="same", name="second")(keras.ops.relu(h))
    return keras.Model(inputs, keras.layers.Add(name="sum")([h, inputs]), name="block")


def batch_norm(bug=None):
    model = normed()
    if bug is None:
        return functools.partial(model, training=True)

    def function(x):
        if bug == "running statistics":
            return model(x, training=False)
        y = model(x, training=True)
        return y - x if bug == "residual left out" else tf.stop_gradient(y - x) + x

    return function


def mixture(bug=None):
    def function(x, mean, log_scale, logit):
        z = (x[:, None] - mean) * tf.exp(-log_scale)
        if bug == "scale for variance":
            z = (x[:, None] - mean) * tf.exp(-2 * log_scale)
        density = -0.5 * tf.reduce_sum(z * z + math.log(2 * math.pi), -1)
        if bug != "determinant left out":
            density -= tf.reduce_sum(log_scale, -1)
        weight = logit if bug == "weights not normalized" else tf.nn.log_softmax(logit)
        return -tf.reduce_mean(tf.reduce_logsumexp(density + weight, -1))

    return function


def contrastive(bug=None):
    def function(x, y):
        x, y = (tf.math.l2_normalize(one, -1, 1e-12) for one in (x, y))
        if bug == "y detached":
            y = tf.stop_gradient(y)
        scores = tf.matmul(x, y, transpose_b=True) / (0.07 if bug == "temperature" else 0.05)
        place = tf.range(x.shape[0])
        one = tf.nn.sparse_softmax_cross_entropy_with_logits(place, scores)
        other = tf.nn.sparse_softmax_cross_entropy_with_logits(place, tf.transpose(scores))
        if bug == "one direction":
            other = one
        return tf.reduce_mean(one + other) / 2

    return function


def chain(bug=None):
    @tf.custom_gradient
    def swish(x):
        s = tf.sigmoid(x)

        def backward(dy):
            if bug == "a term left out":
                return dy * s
            if bug == "wrong sign":
                return dy * (s - x * s * (1 - s))
            if bug == "a factor of 1.01":
                return dy * (s + x * s * (1 - s)) * 1.01
            return dy * (s + x * s * (1 - s))

        return x * s, backward

    def function(x, w):
        for one in tf.unstack(w):
            x = x + swish(x @ one) / 4
        return x

    return function


def language(bug=None):
    def function(tokens, table, w, targets):
        h = tf.tanh(tf.gather(table, tokens) @ w)
        out = tf.stop_gradient(table) if bug == "tied weight detached" else table
        scores = tf.einsum("btd,vd->btv", h, out)
        if bug == "targets shifted":
            targets = tf.roll(targets, 1, 1)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, scores)
        return tf.reduce_sum(loss) if bug == "sum for mean" else tf.reduce_mean(loss)

    return function


def autoencoder(bug=None):
    def function(x, noise, w, v, out):
        mean, log_variance = tf.split(tf.tanh(x @ w) @ v, 2, -1)
        z = mean + noise * tf.exp(log_variance / (1 if bug == "variance for scale" else 2))
        p = tf.sigmoid(x)
        p = tf.stop_gradient(p) if bug == "target detached" else p
        loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(p, z @ out))
        sign = -1 if bug == "sign of the divergence" else 1
        return loss - sign * 0.5 * tf.reduce_sum(
            1 + log_variance - tf.square(mean) - tf.exp(log_variance)
        )

    return function


def implicit(bug=None):
    def function(a, b):
        matrix = a + 4 * tf.eye(a.shape[0], dtype=a.dtype)
        y = tf.linalg.solve(matrix, b, adjoint=bug == "transposed")
        if bug == "inner detached":
            return tf.reduce_sum(y * tf.stop_gradient(tf.tanh(y)))
        return tf.reduce_sum(y * tf.tanh(y))

    return function


def scan(bug=None):
    def function(x, a, b, c):
        decay = tf.tanh(a) if bug == "tanh for sigmoid" else tf.sigmoid(a)

        def step(state, one):
            state = tf.stop_gradient(state) if bug == "state detached" else state
            return decay * state + one @ b

        states = tf.scan(step, x, tf.zeros((x.shape[1], b.shape[1]), x.dtype))
        h = states @ c
        return tf.nn.gelu(h[::-1] if bug == "reversed" else h)

    return function
