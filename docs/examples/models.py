"""The same loss as a torch function."""

import torch.nn.functional as F


def loss(x, w, t):
    return F.cross_entropy(x @ w, t)
