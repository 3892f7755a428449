"""The same loss, ported to JAX."""

import jax
import jax.numpy as jnp


def loss(x, w, t):
    return -jnp.mean(jax.nn.log_softmax(x @ w)[jnp.arange(len(t)), t])
