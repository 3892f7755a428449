"""How a framework gives values and gradients, as a person writes it: text of the scripts.

Each takes its framework as an argument, so that none is imported here.
"""

import numpy as np


def named(result):
    """Return what a function returned, by name."""
    if isinstance(result, dict):
        return {name: one for name, one in result.items() if one is not None}
    if isinstance(result, (tuple, list)):
        return {f"output[{i}]": one for i, one in enumerate(result) if one is not None}
    return {"output": result}


def run_torch(torch, function, inputs, cotangents, wrt, dtype):
    """Return values and gradients of a function of torch."""
    torch.manual_seed(0)
    kind, given, own = getattr(torch, dtype), {}, {}
    for name, array in inputs.items():
        given[name] = torch.tensor(array, dtype=kind if array.dtype.kind == "f" else None)
    if isinstance(function, torch.nn.Module):
        own = dict(function.to(kind).named_parameters())
        with torch.no_grad():
            for name in own.keys() & given.keys():
                own[name].copy_(given.pop(name))
    leaves = {name: own.get(name, given.get(name)).requires_grad_() for name in wrt}
    values = named(function(**given))
    smooth = {name: one for name, one in values.items() if one.requires_grad}
    upstream = [torch.tensor(cotangents[name]).to(one) for name, one in smooth.items()]
    asked = [*smooth.values()], [*leaves.values()], upstream
    slopes = torch.autograd.grad(*asked, allow_unused=True)
    for (name, leaf), slope in zip(leaves.items(), slopes):
        values[f"d {name}"] = torch.zeros_like(leaf) if slope is None else slope
    return {name: one.detach().double().numpy() for name, one in values.items()}


def run_jax(jax, function, inputs, cotangents, wrt, dtype):
    """Return values and gradients of a function of JAX."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    given = {}
    for name, array in inputs.items():
        given[name] = jax.numpy.asarray(array, dtype if array.dtype.kind == "f" else None)
    leaves = {name: given[name] for name in wrt}
    values, pullback = jax.vjp(lambda moved: named(function(**{**given, **moved})), leaves)
    upstream = {}
    for name, one in values.items():
        real = jax.numpy.issubdtype(one.dtype, jax.numpy.floating)
        none = np.zeros(one.shape, jax.dtypes.float0)
        upstream[name] = jax.numpy.asarray(cotangents[name], one.dtype) if real else none
    (slopes,) = pullback(upstream)
    found = {**values, **{f"d {name}": slope for name, slope in slopes.items()}}
    return {name: np.asarray(one).astype("float64") for name, one in found.items()}


def run_tensorflow(tf, function, inputs, cotangents, wrt, dtype):
    """Return values and gradients of a function of TensorFlow."""
    import inspect

    tf.random.set_seed(0)
    given = {}
    for name, array in inputs.items():
        given[name] = tf.cast(tf.constant(array), dtype if array.dtype.kind == "f" else array.dtype)
    leaves = {name: given[name] for name in wrt}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(leaves)
        bound = inspect.signature(function).bind(**given)
        values = named(function(*bound.args, **bound.kwargs))  # a custom gradient wants no names
    smooth = {name: one for name, one in values.items() if one.dtype.is_floating}
    upstream = {name: tf.cast(cotangents[name], one.dtype) for name, one in smooth.items()}
    slopes = tape.gradient(smooth, leaves, upstream)
    for name, leaf in leaves.items():
        values[f"d {name}"] = tf.zeros_like(leaf) if slopes[name] is None else slopes[name]
    return {name: tf.cast(one, "float64").numpy() for name, one in values.items()}


def run_numpy(np, function, inputs, cotangents, wrt, dtype):
    """Return values and gradients of a function of NumPy, which has them derived by hand."""
    given = {}
    for name, array in inputs.items():
        given[name] = array.astype(dtype) if array.dtype.kind == "f" else array
    value, slopes = function(**given)
    values = {name: np.asarray(one) for name, one in named(value).items()}
    if callable(slopes):
        upstream = {name: np.asarray(cotangents[name], one.dtype) for name, one in values.items()}
        parts = tuple(upstream.values())
        by_place = all(name.startswith("output") for name in upstream)
        slopes = slopes((parts if len(parts) > 1 else parts[0]) if by_place else upstream)
    if not isinstance(slopes, dict):
        parts = slopes if isinstance(slopes, (tuple, list)) else (slopes,)
        slopes = dict(zip(wrt, parts))
    values.update({f"d {name}": slopes[name] for name in wrt if name in slopes})
    return {name: np.asarray(one, "float64") for name, one in values.items()}


def load(file, name):
    """Return what a Python file calls by a name."""
    import importlib.util
    import sys

    sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    found = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def show(what, actual, expected, index, limit):
    """Print both numbers and how far apart they are; return whether they are too far."""
    if actual is None or expected is None or actual.shape != expected.shape:
        shapes = ["absent" if one is None else one.shape for one in (actual, expected)]
        print(f"{what}: actual {shapes[0]}, expected {shapes[1]}")
        return True
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(actual - expected))
    print(f"{what}{list(index) if index else ''}")
    print(f"  actual      {float(actual[index])!r}")
    print(f"  expected    {float(expected[index])!r}")
    print(f"  difference  {float(difference[index])!r}, and {limit!r} is allowed")
    largest = float(difference.max())
    print(f"the largest difference of all {difference.size} elements is {largest!r}")
    return not difference[index] <= limit
