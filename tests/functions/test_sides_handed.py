"""Containers of parameters as inputs, and parameters of one function handed to others."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import InputError, UsageError

torch = framework("torch")
jax = framework("jax")
pytestmark = pytest.mark.frameworks

import jax.numpy as jnp  # noqa: E402

X = {"x": "normal:6x4"}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 5)
        self.out = torch.nn.Linear(5, 2)

    def forward(self, x):
        return self.out(torch.tanh(self.fc(x)))


def net():
    torch.manual_seed(0)
    return Net()


def by_names(x, fc, out):
    h = gradcmp.tap("fc", x @ fc["weight"].T + fc["bias"])
    return jnp.tanh(h) @ out["weight"].T + out["bias"]


def with_keywords(x, **parameters):
    h = jnp.tanh(x @ parameters["fc.weight"].T + parameters["fc.bias"])
    return h @ parameters["out.weight"].T + parameters["out.bias"]


def of_a_tree(params, x):
    h = jnp.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"])
    return h @ params["last"]["w"] + params["last"]["b"]


def transposed(given):
    return {
        "params": {
            "hidden": {"w": given["fc.weight"].T, "b": given["fc.bias"]},
            "last": {"w": given["out.weight"].T, "b": given["out.bias"]},
        }
    }


def by_hand(x, W1, b1, W2, b2):
    h = np.tanh(gradcmp.tap("fc", x @ W1 + b1))

    def pullback(dy):
        dz = gradcmp.tap("d fc", dy @ W2.T * (1 - h * h))
        return {"x": dz @ W1.T, "W1": x.T @ dz, "b1": dz.sum(0), "W2": h.T @ dy, "b2": dy.sum(0)}

    return h @ W2 + b2, pullback


def to_hand(given):
    return {
        "W1": given["fc.weight"].T,
        "b1": given["fc.bias"],
        "W2": given["out.weight"].T,
        "b2": given["out.bias"],
    }


def renamed(x, W1, b1, W2, b2):
    return jnp.tanh(x @ W1.T + b1) @ W2.T + b2


NAMES = {"fc.weight": "W1", "fc.bias": "b1", "out.weight": "W2", "out.bias": "b2"}
GRADIENTS = {f"d {name}" for name in NAMES}
PORTS = [
    (by_names, None),
    (with_keywords, None),
    (of_a_tree, transposed),
    (renamed, NAMES),
    (by_hand, to_hand),
]


def compared(port, parameters, **options):
    parameters = {} if parameters is None else {"port": parameters}
    functions = {"port": port, "torch": net()}
    return gradcmp.compare_functions(functions, X, parameters=parameters, **options)


@pytest.mark.first(4)
@pytest.mark.parametrize(("port", "parameters"), PORTS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_parameters_of_a_module_reach_a_port(port, parameters, dtype):
    verdict = compared(port, parameters, dtype=dtype)
    assert verdict.agrees
    assert {*verdict.tensors} >= GRADIENTS


def test_another_module_is_handed_all_its_parameters():
    other = Net()
    with torch.no_grad():
        other.fc.weight += 1  # of no account: it is handed the reference's
    verdict = gradcmp.compare_functions(
        {"other": other, "torch": net()}, X, parameters={"other": lambda given: given}
    )
    assert verdict.agrees
    assert {*verdict.tensors} >= GRADIENTS


def test_a_method_of_a_module_is_handed_them_too():
    functions = {"other": Net().forward, "torch": net()}
    verdict = gradcmp.compare_functions(functions, X, parameters={"other": dict})
    assert verdict.agrees


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: {**given, "W1": given["W1"][::-1]},
        lambda given: {**given, "b2": given["b2"][::-1]},
        lambda given: {**given, "W1": given["W1"] * 1.001},
    ],
)
def test_parameters_that_are_handed_over_wrongly_are_found(spoil):
    named = {own: name for name, own in NAMES.items()}
    verdict = compared(renamed, lambda given: spoil({o: given[n] for o, n in named.items()}))
    assert not verdict.agrees


def test_a_gradient_of_a_handed_parameter_that_is_wrong_is_found():
    def wrong(**given):
        value, pullback = by_hand(**given)
        return value, lambda dy: {**pullback(dy), "W1": pullback(dy)["W1"][::-1]}

    def named(x, W1, b1, W2, b2):
        return wrong(x=x, W1=W1, b1=b1, W2=W2, b2=b2)

    verdict = compared(named, to_hand, framework={"port": "numpy"})
    found = {name for by in verdict.comparisons.values() for name, c in by.items() if not c.agrees}
    assert found == {"d fc.weight"}
    assert {f.side for by in verdict.findings.values() for f in by.values()} == {"port"}


def test_containers_are_inputs_leaf_by_leaf():
    def by_torch(params, x):
        h = torch.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"])
        return h @ params["last"]["w"] + params["last"]["b"]

    hidden = {"w": torch.randn(4, 5), "b": "normal:5"}
    params = {"hidden": hidden, "last": {"w": jnp.ones((5, 2)), "b": [0.0, 1.0]}}
    functions, inputs = {"torch": by_torch, "jax": of_a_tree}, {"params": params, **X}
    verdict = gradcmp.compare_functions(functions, inputs)
    assert verdict.agrees
    assert {*verdict.tensors} >= {"d params.hidden.w", "d params.last.b", "d x"}
    some = gradcmp.compare_functions(functions, inputs, wrt=["params.hidden"])
    assert {*some.tensors} == {"output", "d output", "d params.hidden.w", "d params.hidden.b"}


@pytest.mark.parametrize("kind", [tuple, list, dict])
def test_gradients_by_hand_are_containers_too(kind):
    def function(params, x):
        w, b = params["w"], params["b"]

        def pullback(dy):
            own = {"w": x.T @ dy, "b": dy.sum(0)}
            return {"params": own, "x": dy @ w.T} if kind is dict else kind([own, dy @ w.T])

        return x @ w + b, pullback

    functions = {"numpy": function, "jax": lambda params, x: x @ params["w"] + params["b"]}
    inputs = {"params": {"w": "normal:4x3", "b": "normal:3"}, **X}
    verdict = gradcmp.compare_functions(functions, inputs, framework={"jax": "jax"})
    assert verdict.agrees
    assert {*verdict.tensors} >= {"d params.w", "d params.b"}


def test_a_module_of_equinox():
    equinox = framework("equinox")

    class Mlp(equinox.Module):
        fc: equinox.nn.Linear
        out: equinox.nn.Linear

        def __call__(self, x):
            return jax.vmap(lambda row: self.out(jnp.tanh(self.fc(row))))(x)

    keys = jax.random.split(jax.random.key(0))
    port = Mlp(equinox.nn.Linear(4, 5, key=keys[0]), equinox.nn.Linear(5, 2, key=keys[1]))
    assert compared(port, lambda given: given).agrees
    alone = gradcmp.compare_functions({"port": port, "again": port}, X)  # brings its own
    assert {*alone.tensors} >= GRADIENTS
    assert not compared(port, lambda given: {**given, "fc.bias": -given["fc.bias"]}).agrees


@pytest.mark.thorough
def test_a_module_of_flax():
    nnx = framework("flax.nnx")

    class Mlp(nnx.Module):
        def __init__(self, rngs):
            self.fc = nnx.Linear(4, 5, rngs=rngs)
            self.norm = nnx.BatchNorm(5, rngs=rngs)  # its statistics are no parameters
            self.out = nnx.Linear(5, 2, rngs=rngs)

        def __call__(self, x):
            return self.out(jnp.tanh(self.fc(x)))

        def normed(self, x):
            return self.out(self.norm(self.fc(x)))

    def kernels(given):
        found = {f"{name}.kernel": given[f"{name}.weight"].T for name in ("fc", "out")}
        found |= {f"{name}.bias": given[f"{name}.bias"] for name in ("fc", "out")}
        return {**found, "norm.scale": given["fc.bias"], "norm.bias": given["fc.bias"]}

    port = Mlp(nnx.Rngs(0))
    assert compared(port, kernels).agrees
    alone = gradcmp.compare_functions({"port": port.normed, "again": port.normed}, X)
    assert alone.agrees
    assert {name for name in alone.tensors if "norm" in name and name.startswith("d ")} == {
        "d norm.scale",
        "d norm.bias",
    }


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"parameters": {"prot": NAMES}}, UsageError, "Did you mean 'port'"),
        ({"parameters": {"torch": NAMES}}, UsageError, "is of no function"),
        ({"parameters": {"port": {"fc.wieght": "W1"}}}, InputError, "no parameter 'fc.wieght'"),
        ({"parameters": {"port": {**NAMES, "fc.bias": "b0"}}}, InputError, "takes no 'b0'"),
        ({"taps": {"port": {"h": "fc"}}}, UsageError, "has no tap 'h'"),
        ({"taps": {"prot": {"h": "fc"}}}, UsageError, "Did you mean 'port'"),
        ({"wrt": ["fc"], "parameters": {}}, UsageError, "Did you mean|no input"),
    ],
)
def test_bad_maps(change, error, text):
    question = {"parameters": {"port": NAMES}, "against": "torch", **change}
    functions = {"port": renamed, "torch": net() if "wrt" not in change else by_names}
    with pytest.raises(error, match=text):
        gradcmp.compare_functions(functions, X, framework={"torch": None}, **question)


def test_a_reference_without_parameters_hands_none_over():
    functions = {"port": renamed, "torch": lambda x: torch.tanh(x)}
    with pytest.raises(UsageError, match="has no parameters"):
        gradcmp.compare_functions(functions, X, parameters={"port": NAMES})


def test_a_parameter_that_is_forgotten_is_an_error():
    with pytest.raises(InputError, match=r"'fc.bias' of 'Net' is not handed over"):
        compared(Net(), lambda given: {n: one for n, one in given.items() if n != "fc.bias"})


def test_what_computes_with_parameters_is_no_side_by_hand():
    verdict = compared(by_hand, lambda given: {**to_hand(given), "b2": 2 * given["out.bias"]})
    (failure,) = verdict.failures
    assert "'b2' is more than elements" in failure.message


def test_numbers_that_are_not_real_have_no_derivative():
    """With nothing to differentiate by no gradient would be compared, and all would agree."""

    def scaled(x, i):
        return x * i, lambda dy: {"x": dy * i}

    inputs = {"x": "normal:3", "i": np.array([1, 2, 3])}
    with pytest.raises(UsageError, match="'i' has no derivative"):
        gradcmp.compare_functions(
            {"mine": scaled, "theirs": scaled}, inputs, framework="numpy", wrt="i"
        )
