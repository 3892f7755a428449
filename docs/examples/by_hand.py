"""A loss and its gradients by hand, in NumPy: the mean cross-entropy of a linear model."""

import numpy as np


def loss(x, w, t):
    scores = x @ w
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    n = np.arange(len(t))
    value = -np.log(p[n, t]).mean()
    d = p.copy()
    d[n, t] -= 1
    d /= len(t)
    return value, {"x": d @ w.T, "w": x.T @ d}


def loss_of_a_sum(x, w, t):
    """Has lost the division by the number of rows in the gradient of w."""
    value, gradients = loss(x, w, t)
    return value, {**gradients, "w": gradients["w"] * len(t)}
