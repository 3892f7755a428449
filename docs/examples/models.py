"""The same loss as a torch function."""

from torch.nn.functional import cross_entropy


def loss(x, w, t):
    return cross_entropy(x @ w, t)
