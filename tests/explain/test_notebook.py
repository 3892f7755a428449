"""The notebooks of all configs run as a student runs them, and their numbers are gradcmp's."""

import itertools
import re

import nbformat
import numpy as np
import pytest
from explained import CONFIGS, make, reference
from markdown_it import MarkdownIt
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from gradcmp.case import InputSpec
from gradcmp.explain.markdown import prose
from gradcmp.explain.notebook import KERNEL, notebook
from gradcmp.explain.program import Program
from gradcmp.outside.printable import clean

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own parts
FORGET = """\
%reset -f
import sys
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", False)
"""


class Kernel:
    """One kernel for all notebooks: the frameworks take longer to import than all they compute."""

    def __init__(self, folder):
        empty = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
        resources = {"metadata": {"path": str(folder)}}
        self.client = NotebookClient(empty, timeout=300, resources=resources)

    def run(self, text):
        """Run a notebook from a clean slate; give its cells with what they printed."""
        self.client.nb = nbformat.reads(text, as_version=4)
        self.client.nb.cells.insert(0, nbformat.v4.new_code_cell(FORGET))
        self.client.reset_execution_trackers()
        for index, cell in enumerate(self.client.nb.cells):
            self.client.execute_cell(cell, index)
        return self.client.nb.cells

    def ask(self, code):
        """Run one more cell after a notebook."""
        self.client.nb.cells.append(nbformat.v4.new_code_cell(code))
        self.client.execute_cell(self.client.nb.cells[-1], len(self.client.nb.cells) - 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def kernel(every_framework, folder):
    kernel = Kernel(folder)
    with kernel.client.setup_kernel():
        yield kernel


def written(case, folder):
    program = Program.of(case)
    np.savez(folder / "stored.npz", **program.stored)
    return program, notebook(program, "stored.npz")


def printed(cells):
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", ()))


SOME = ("seed", "session", "mlp", "values")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in SOME else pytest.mark.thorough) for name in CONFIGS],
)
def test_a_notebook_gives_the_reference_s_numbers(name, kernel, folder):
    case = CONFIGS[name]
    program, text = written(case, folder)
    cells = kernel.run(text)
    kernel.ask("np.savez('answer.npz', **expected)\nassert 'gradcmp' not in sys.modules")
    answer = dict(np.load(folder / "answer.npz"))
    recording = reference(case)
    wanted = {program.name(case.output): recording.values[case.output]}
    wanted |= {program.book.names.gradient(one): recording.gradients[one] for one in case.wrt}
    assert answer.keys() == wanted.keys()
    for one, array in wanted.items():
        np.testing.assert_allclose(answer[one], array, 1e-13, 1e-14, strict=True)
        said = printed(cells)
        assert said.count(f"{one} differs from NumPy's by at most") == len(written_in(case))
        assert re.search(rf"^{one} ( +[\d.e-]+){{{len(written_in(case))}}}$", said, re.M)
    for node in program.graph:
        name, gradient = program.name(node.name), program.book.names.gradient(node.name)
        assert f"\n{name} =\n" in said
        assert f"\n{gradient} =\n" in said or node.name not in program.book.gradients


def written_in(case):
    """Return the columns of the last table: each framework, and TensorFlow 1 where it is asked."""
    session = any(str(one).startswith("tensorflow:session") for one in case.backends)
    return ["TensorFlow", "PyTorch", "JAX", *["TensorFlow 1"] * session]


def test_the_order_is_the_textbook_s(folder):
    """Forward as written; back from the output, node by node, then Z, Y and X."""
    cells = nbformat.reads(written(CONFIGS["seed"], folder)[1], as_version=4).cells
    starts = [cell.source.split(" =")[0] for cell in cells if cell.cell_type == "code"]
    order = ["node1", "node2", "node3", "grad_node3", "grad_node2", "grad_node1"]
    order += ["grad_Z", "grad_Y", "grad_X"]
    assert [start for start in starts if start in order][: len(order)] == order


def test_the_rule_is_written_in_latex_and_the_graph_drawn(folder):
    text = nbformat.reads(written(CONFIGS["seed"], folder)[1], as_version=4)
    sources = "\n".join(cell.source for cell in text.cells)
    of_y = [r"\frac{\partial r}{\partial \mathrm{node3}}"]
    path = (r"\mathrm{node3}", r"\mathrm{node2}", r"\mathrm{node1}", "Y")
    of_y += [rf"\frac{{\partial {a}}}{{\partial {b}}}" for a, b in itertools.pairwise(path)]
    product = r" \cdot ".join(of_y)
    assert rf"$$\frac{{\partial r}}{{\partial Y}} = {product}$$" in sources
    assert "```mermaid\nflowchart TD\n" in sources
    assert text.metadata["gradcmp"]["versions"]["numpy"] == np.__version__


@pytest.mark.first(4)
@pytest.mark.parametrize(
    ("line", "spoilt"),
    [
        ("grad_Y = grad_node1 * X", "grad_Y = grad_node1 * (1 + X)"),
        ("grad_X = X.grad", "grad_X = -X.grad"),
        ("tf.reduce_sum(node2)\n[grad_X", "2 * tf.reduce_sum(node2)\n[grad_X"),
        ("tf.reduce_sum(node2)\n    [grad_X", "2 * tf.reduce_sum(node2)\n    [grad_X"),  # TF 1
        ("return node3", "return node3 + 1"),
        ('    "grad_Z": grad_Z.numpy()', '    "grad_Z": np.full((4, 3), np.nan)'),
        ('    "grad_Z": grad_Z.numpy()', '    "grad_Z": np.asarray(1.0)'),
    ],
)
def test_a_spoilt_line_fails_the_notebook_s_own_assert(line, spoilt, kernel, folder):
    source = written(CONFIGS["seed"], folder)[1]
    text = nbformat.reads(source, as_version=4)
    places = [cell for cell in text.cells if line in cell.source]
    assert len(places) == 1
    places[0].source = places[0].source.replace(line, spoilt)
    with pytest.raises(CellExecutionError, match="AssertionError"):
        kernel.run(nbformat.writes(text))


def test_large_inputs_are_drawn_again_or_lie_beside(kernel, folder):
    large = {
        "A": InputSpec("uniform", (40, 30), {"low": -2, "high": 3}),
        "B": InputSpec(
            "values", (20, 30), {"values": np.cos(np.arange(600)).reshape(20, 30).tolist()}
        ),
    }
    case = make({"y": "A @ transpose(B)", "out": "tanh(y)"}, large, seed=3)
    program, text = written(case, folder)
    assert list(program.stored) == ["B"]
    assert 'rng("A", 3).random((40, 30))'.replace('"', "'") in text
    kernel.run(text)


def test_the_same_case_gives_the_same_notebook(folder):
    assert written(CONFIGS["mlp"], folder)[1] == written(CONFIGS["mlp"], folder)[1]


@pytest.mark.parametrize(
    "text",
    [
        "![i](http://x.org/y.png)",
        "<script>alert(1)</script> <img src=x onerror=alert(1)>",
        r"$\href{javascript:alert(1)}{x}$ \(a\) \begin{b} \\[c",
        "`a` ``` **b** [x](http://e.org) <http://e.org> http://e.org www.e.org a@e.org",
        "1. # > - | a | &lt; &#36; ~~c~~ _d_ :e: @f #1",
        "a\u202eb\x1b]0;c\x07\r\n\n# d",
    ],
)
def test_a_name_and_a_description_are_read_as_text(text):
    """No link, no picture, no HTML, no formula: those of MathJax begin outside of code alone."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"# {prose(text)}\n\n{prose(text)}")
    blocks = {token.type for token in tokens if token.type != "inline"}
    assert blocks == {"heading_open", "heading_close", "paragraph_open", "paragraph_close"}
    parts = [part for token in tokens for part in token.children or ()]
    assert {part.type for part in parts} <= {"text", "text_special", "code_inline"}
    outside = "".join(part.content for part in parts if part.type != "code_inline")
    assert "$" not in outside
    assert "\\(" not in outside
    assert outside.isprintable()
    half = "".join(part.content for part in parts)
    assert half == 2 * clean(" ".join(text.split()))


def test_a_description_is_text_not_html(folder):
    case = make({"out": "sum(X)"}, {"X": InputSpec("ones", (2,))}, description="<script>x</script>")
    cells = nbformat.reads(written(case, folder)[1], as_version=4).cells
    assert "<script" not in cells[0].source
