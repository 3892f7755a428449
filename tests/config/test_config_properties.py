"""Cases written down and read again; files that somebody spoiled are an error that says so."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradcmp.case import DTYPES, BackendSpec, Case, Expression, Fixed, InputSpec, Ulp
from gradcmp.config import find, load_text, parse_backend
from gradcmp.config.document import parse, resolve
from gradcmp.config.messages import show
from gradcmp.errors import GradcmpError

ROOT = Path(__file__).parents[2]
FILE = str(ROOT / "configs" / "f.yaml")  # beside the arrays that the configs name
TEXTS = [path.read_text("utf-8") for path in find([ROOT / "configs"])]
words = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}", fullmatch=True).map("n_{}".format)
reals = st.floats(-1e9, 1e9)
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
printable = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)
specs = st.one_of(
    st.builds(InputSpec, st.just("normal"), shapes, st.fixed_dictionaries({"std": st.just(2.0)})),
    st.builds(InputSpec, st.just("constant"), shapes, st.fixed_dictionaries({"value": reals})),
    st.builds(InputSpec, st.sampled_from(["ones", "zeros"]), shapes),
)
backends = st.one_of(
    st.builds(
        BackendSpec,
        st.just("numpy"),
        dtype=st.none() | st.sampled_from(DTYPES),
        timeout=st.floats(0.5, 1e6),
        required=st.booleans(),
    ),
    st.builds(
        BackendSpec,
        st.just("tensorflow"),
        st.sampled_from([None, "eager", "graph", "session"]),
        st.none() | st.sampled_from(DTYPES),
    ),
)
tolerances = st.builds(Fixed, st.floats(0, 1, exclude_max=True), st.floats(0, 1)) | st.builds(
    Ulp, st.integers(0, 10**9)
)


@st.composite
def cases(draw):
    inputs = draw(st.dictionaries(words, specs, min_size=1, max_size=3))
    graph = {"total": Expression(" + ".join(f"sum({name})" for name in inputs))}
    listed = draw(st.lists(backends, min_size=1, max_size=3, unique_by=str))
    return Case(
        draw(words),
        inputs,
        graph,
        "total",
        tuple(draw(st.lists(st.sampled_from([*inputs]), min_size=1, unique=True))),
        tuple(listed),
        tolerance=draw(tolerances),
        cotangent=draw(st.sampled_from(["random", "ones"])),
        seed=draw(st.integers(0, 2**32)),
        dtype=draw(st.sampled_from(DTYPES)),
        round_inputs=draw(st.booleans()),
        strict=draw(st.booleans()),
        description=draw(printable).strip(),
    )


def written(case):
    """Return a case as what a person would write, in JSON, which is YAML."""
    return json.dumps(
        {
            "name": case.name,
            "description": case.description,
            "inputs": {
                name: {"kind": spec.kind, "shape": list(spec.shape), **spec.parameters}
                for name, spec in case.inputs.items()
            },
            "graph": {name: expression.text for name, expression in case.graph.items()},
            "output": case.output,
            "wrt": list(case.wrt),
            "backends": [
                {
                    "name": one.name,
                    **({"mode": one.mode} if one.mode else {}),
                    **({"dtype": one.dtype} if one.dtype else {}),
                    "timeout": one.timeout,
                    "required": one.required,
                }
                for one in case.backends
            ],
            "tolerance": vars(case.tolerance),
            "cotangent": case.cotangent,
            "seed": case.seed,
            "dtype": case.dtype,
            "round_inputs": case.round_inputs,
            "strict": case.strict,
        },
        ensure_ascii=False,
    )


def bare(case):
    """Leave out where its parts were written."""
    graph = {name: expression.text for name, expression in case.graph.items()}
    return {**vars(case), "graph": graph, "where": None}


@given(cases())
def test_a_case_comes_back_from_what_is_written(case):
    (found,) = load_text(written(case), "f.yaml")
    assert bare(found) == bare(case)


def test_another_case_would_be_noticed():
    (one,) = load_text("inputs: {X: ones:3}\ngraph: {a: sum(X)}\nseed: 1\n", "f.yaml")
    (two,) = load_text("inputs: {X: ones:3}\ngraph: {a: sum(X)}\nseed: 2\n", "f.yaml")
    assert bare(one) != bare(two)


@given(backends)
def test_a_label_reads_back_as_what_it_labels(backend):
    found = parse_backend(str(backend))
    assert str(found) == str(backend)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**290), 10**290), st.floats(allow_nan=False)
)


@given(scalars.filter(lambda x: not isinstance(x, float) or math.isfinite(x)))
def test_a_value_that_is_shown_reads_back(value):
    found = resolve(show(value))
    assert (found, type(found)) == (value, type(value))


trees = st.recursive(
    scalars.filter(lambda x: not isinstance(x, float) or math.isfinite(x)) | printable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(printable, inner, max_size=3),
    max_leaves=8,
)


@given(trees.filter(lambda tree: tree is not None))
@example({"<": 1, "": [[]]})
def test_json_is_yaml(tree):
    text = json.dumps(tree, ensure_ascii=False)
    if '"<<":' not in text:
        assert parse(text, "f.yaml") == json.loads(text)


PIECES = st.sampled_from(
    [":", ": ", "- ", "\n", "\n  ", "  ", "{", "}", "[", "]", ",", "'", '"', "#", "&a ", "*a",
     "!!int ", "|\n", ">-\n", "<<: ", "? ", "---\n", "%YAML 1.1\n", "\t", "\0", "\ufeff", "\u2028",
     "~", ".nan", ".inf", "-1", "1e400", "9" * 310, "${n}", "matrix: {n: [1, 2]}\n", "x", "é", "𝄞"]
)  # fmt: skip


@st.composite
def spoiled(draw):
    """Return a config of which parts are gone, moved, or something else."""
    text = draw(st.sampled_from(TEXTS) | cases().map(written))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 3) | st.integers(0, len(text)))
        put = draw(PIECES | st.just(text[place // 2 : place // 2 + 20]) | st.just(""))
        text = text[:place] + put + text[place + gone :]
    return text


@given(spoiled() | st.text(max_size=60))
def test_whatever_is_written_gives_cases_or_a_sentence(text):
    try:
        found = load_text(text, FILE)
    except GradcmpError as error:
        assert all(line.startswith(FILE) for line in str(error).split("\n"))
    else:
        assert found


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_spoiled_above_is_right_before(text):
    assert load_text(text, FILE)
