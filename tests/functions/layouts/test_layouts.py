"""Functions of torch whose arguments lie in memory otherwise."""

import importlib
import time

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import ExitCode
from gradcmp.functions.layouts.variants import variants
from gradcmp.report import html, json, junit, markdown
from gradcmp.report.screen import several

torch = framework("torch")
pytestmark = pytest.mark.frameworks

spoiled = importlib.import_module("spoiled")

INPUTS = {"x": "normal:8x6", "w": "normal:6"}
DTYPES = ("float32", "float64", "bfloat16")
COTANGENT = {
    "an expanded cotangent",
    "a transposed cotangent",
    "a cotangent expanded along axis 0",
    "a cotangent expanded along axis 1",
    "a narrowed cotangent",
    "a strided cotangent",
}
MIXING = torch.linspace(-1, 1, 36).reshape(6, 6)
READ = "is read as if it were contiguous"


def seen(function, against=spoiled.eager, inputs=None, **options):
    """Return the verdict, and what became of the first function's layouts."""
    options = {"layouts": "all", **options}
    functions = {"mine": function, "eager": against}
    verdict = gradcmp.compare_functions(functions, inputs or INPUTS, **options)
    return verdict, verdict.layouts["mine"]


def torch_module(length):
    return spoiled.Accumulating(length)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [spoiled.Right.apply, spoiled.eager])
def test_right_functions_are_silent(function, dtype):
    verdict, layouts = seen(function, dtype=dtype)
    assert verdict.agrees
    assert not verdict.warnings
    assert {*layouts.right} >= COTANGENT
    assert len(layouts.right) == 13
    assert not layouts.left_out


@pytest.mark.parametrize("autocast", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("function", "wrong"), [(spoiled.Right, set()), (spoiled.Strideless, COTANGENT)]
)
def test_under_an_autocast_layouts_are_judged_as_the_lower_dtype(autocast, function, wrong):
    def normed(x):
        return function.apply(x @ MIXING.to(x.dtype), MIXING[0].to(x.dtype))

    lower = gradcmp.Function(normed, autocast=autocast, framework="torch")
    _, layouts = seen(lower, normed, {"x": "normal:40x6"}, framework="torch")
    assert layouts.wrong.keys() == wrong
    assert len(layouts.right) + len(wrong) >= 11


@pytest.mark.parametrize("dtype", DTYPES)
def test_right_functions_of_two_outputs_are_silent(dtype):
    verdict, layouts = seen(spoiled.RightPair.apply, spoiled.eager_pair, dtype=dtype)
    assert verdict.agrees
    assert "no cotangent of output[0]" in layouts.right
    assert "no cotangent of output[1]" in layouts.right


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        (spoiled.Strideless, COTANGENT),
        (spoiled.FromTheStart, {"a narrowed cotangent", "a cotangent narrowed along axis 0"}),
        (spoiled.Viewing, {"a transposed cotangent", "a narrowed cotangent"}),
        (spoiled.Greedy, {"a cotangent that others read, too"}),
        (spoiled.Scribbling, {"a cotangent that others read, too"}),
        (spoiled.Once, {"a second backward pass"}),
        (spoiled.Freed, {"a second backward pass"}),
        (spoiled.Constant, {"a cotangent of zeros"}),
        (spoiled.DenseInput, {"a transposed input x", "a strided input x"}),
        (spoiled.DenseVector, {"a strided input w"}),
        (spoiled.DenseInputBackward, {"a transposed input x", "a strided input x"}),
    ],
)
def test_what_holds_for_contiguous_arrays_alone_is_found(function, wrong, dtype):
    verdict, layouts = seen(function.apply, dtype=dtype)
    assert verdict.exit_code is ExitCode.DISAGREE
    assert not verdict.disagreements
    assert {*layouts.wrong} >= wrong
    assert not verdict.layouts["eager"].wrong
    about = ("input x", "input w", "second backward pass", "cotangent")
    assert len({next(what for what in about if what in words) for words in layouts.wrong}) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        (spoiled.NothingWithoutFirst, "no cotangent of output[0]"),
        (spoiled.NothingWithoutSecond, "no cotangent of output[1]"),
        (spoiled.ReadsNone, "no cotangent of output[1]"),
    ],
)
def test_an_absent_cotangent_is_no_reason_to_give_up(function, wrong, dtype):
    verdict, layouts = seen(function.apply, spoiled.eager_pair, dtype=dtype)
    assert verdict.exit_code is ExitCode.DISAGREE
    assert wrong in layouts.wrong


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gradient_that_was_there_is_added_to_once(dtype):
    verdict, layouts = seen(torch_module(6), torch_module(6), {"x": "normal:8x6"}, dtype=dtype)
    assert [*layouts.wrong] == ["a .grad that was filled before"]
    assert verdict.exit_code is ExitCode.DISAGREE


def test_what_is_right_all_the_same_is_said_and_why():
    _, layouts = seen(spoiled.Strideless.apply)
    expanded = layouts.wrong["a cotangent expanded along axis 0"]
    assert expanded.right == "row 1 of 8 is right"
    assert {one.cause for one in layouts.wrong.values()} == {f"the cotangent {READ}"}
    assert f"the input {READ}" == seen(spoiled.DenseInput.apply)[1].wrong["a strided input x"].cause


def test_a_function_that_raises_is_named_with_its_words():
    _, layouts = seen(spoiled.Viewing.apply)
    (failure,) = layouts.wrong["a transposed cotangent"].verdict.failures
    assert "view size is not compatible" in failure.message
    (failure,) = seen(spoiled.Freed.apply)[1].wrong["a second backward pass"].verdict.failures
    assert failure.message.startswith("RuntimeError: buffers were freed (spoiled")


def test_the_output_that_is_enough_is_named():
    class OneOfTwo(spoiled.RightPair):
        @classmethod
        def backward(cls, ctx, dy, ds):
            dense = dy if dy is None else dy.as_strided(dy.shape, torch.empty(dy.shape).stride())
            return super().backward(ctx, dense, ds)

    _, layouts = seen(OneOfTwo.apply, spoiled.eager_pair)
    assert "an expanded cotangent of output[0]" in layouts.wrong
    assert all("output[1]" not in words for words in layouts.wrong)


@pytest.mark.parametrize("shape", ["2x3x4x5", "2x3x2x3x2"])
def test_channels_may_come_last(shape):
    axes = shape.count("x") + 1
    inputs = {"x": f"normal:{shape}", "w": f"normal:{shape[-1]}"}
    _, layouts = seen(spoiled.Right.apply, inputs=inputs, wrt=["x"])
    assert "a channels-last cotangent" in layouts.right
    assert "a channels-last input x" in layouts.right
    for function, what in ((spoiled.Strideless, "cotangent"), (spoiled.DenseInput, "input x")):
        _, layouts = seen(function.apply, inputs=inputs, wrt=["x"])
        assert f"a channels-last {what}" in layouts.wrong
    assert f"a cotangent transposed in axes {axes - 3} and {axes - 2}" in layouts.right


def test_sums_in_another_order_and_ties_are_lawful():
    def normed(x, w):
        y = torch.nn.functional.layer_norm(x @ w, (5,))
        return torch.relu(y).amax(0).sum() + torch.nn.functional.max_pool1d(y[None], 2).sum()

    inputs = {"x": "normal:33x40", "w": "normal:40x5"}
    for dtype in DTYPES:
        verdict, layouts = seen(normed, normed, inputs, dtype=dtype)
        assert verdict.agrees, layouts.wrong


def test_dropout_draws_in_the_order_of_memory():
    def dropped(x, w):
        return torch.nn.functional.dropout(x * w, 0.5)

    verdict, layouts = seen(dropped, dropped)
    assert verdict.agrees
    assert all("draws random numbers" in why for why in layouts.left_out.values())
    assert {*layouts.left_out} == {
        "a transposed input x",
        "a strided input",
        "an input x expanded along axis 0",
    }


def test_numbers_that_are_too_equal_are_left_out():
    def standardized(x):
        return (x - x.mean(0)) / x.std(0)

    inputs = {"x": "normal:8x6"}
    verdict, layouts = seen(standardized, standardized, inputs, framework="torch")
    assert verdict.agrees
    assert "not finite" in layouts.left_out["an input expanded along axis 0"]


def test_what_is_changed_in_place_cannot_be_expanded():
    def in_place(x, w):
        return torch.tanh(x.mul_(w))

    verdict, layouts = seen(in_place)
    assert verdict.agrees
    assert [*layouts.left_out] == ["an input x expanded along axis 0"]
    assert "a transposed input x" in layouts.right


def test_a_function_that_refuses_float64_is_judged_by_the_table():
    def only_there(function):
        def call(x, w):
            if x.dtype == torch.float64:
                raise TypeError("float32 only")
            return function.apply(x, w)

        return call

    verdict, layouts = seen(only_there(spoiled.Right))
    assert verdict.agrees
    verdict, layouts = seen(only_there(spoiled.Strideless))
    assert verdict.exit_code is ExitCode.DISAGREE
    assert {*layouts.wrong} >= COTANGENT


def test_it_can_be_switched_off():
    assert gradcmp.compare_functions(
        {"mine": spoiled.Strideless.apply, "eager": spoiled.eager}, INPUTS, layouts="off"
    ).agrees


def test_nothing_is_left_out_in_silence():
    def slow(x, w):
        time.sleep(1.1)
        return torch.tanh(x * w)

    verdict = gradcmp.compare_functions({"mine": slow, "eager": spoiled.eager}, INPUTS)
    layouts = verdict.layouts["mine"]
    assert layouts.right == ("an expanded cotangent",)
    assert len(layouts.left_out) == 12
    said = several.report([verdict])
    assert "mine was not run with a transposed cotangent" in " ".join(said.split())


def test_the_assertion_fails_and_says_so():
    with pytest.raises(AssertionError, match="the cotangent is read as if it were contiguous"):
        gradcmp.assert_gradients_agree(
            spoiled.Strideless.apply, against=spoiled.eager, inputs=INPUTS, layouts="all"
        )


def test_reports_show_it():
    verdict, _ = seen(spoiled.Strideless.apply)
    assert "in other layouts" in junit.report([verdict])
    facts = json.of_case(verdict)["by_layout"]["mine"]
    assert facts["wrong"]["a cotangent expanded along axis 0"]["right"] == "row 1 of 8 is right"
    assert "read as if it were contiguous" in html.report([verdict])
    assert "mine is wrong with" in markdown.report([verdict])


def test_numbers_stay_what_they_are():
    x = torch.arange(24.0).view(4, 6)
    from gradcmp.native.torch.layouts.laying import laid_out  # which imports torch

    for layout in variants({"cotangent": {"y": (4, 6)}, "input": {"x": (4, 6)}}):
        if layout.applies((4, 6)) and not layout.equalizes:
            laid = laid_out(x.clone().requires_grad_(), layout)
            np.testing.assert_array_equal(laid.detach().numpy(), x.numpy())
            assert not laid.is_contiguous() or laid.storage_offset()
            (laid * 2).sum().backward()
