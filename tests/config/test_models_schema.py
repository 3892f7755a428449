"""The JSON Schema says what the loader says."""

import jsonschema
import pytest

from gradcmp.config import load, schema
from gradcmp.config.document import parse
from gradcmp.graph import build, infer
from gradcmp.inputs import specs
from gradcmp.inputs.kinds import KINDS

BASE = "inputs: {X: ones:3}\ngraph: {a: X * X}\n"


@pytest.fixture(scope="module")
def validator():
    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def shipped(pytestconfig):
    return sorted((pytestconfig.rootpath / "configs").glob("*.yaml"))


def test_every_shipped_config_is_valid_and_fits(pytestconfig, validator):
    paths = shipped(pytestconfig)
    assert len(paths) > 5
    for path in paths:
        validator.validate(parse(path.read_text("utf-8"), path.name))
        for case in load(path):
            assert case.description or path.name == "suite.yaml"
            infer(build(case), specs(case))


@pytest.mark.parametrize(
    "text",
    [
        "dtype: flaot32", "seed: x", "sed: 3", "wrt: X", "tolerance: {rtol: 1}", "backends: [3]",
        "tolerance: {ulp: 4, rtol: 1}", "backends: [{name: torch, devise: cpu}]", "matrix: 3",
    ],
)  # fmt: skip
def test_what_the_loader_refuses_is_invalid_too(text, validator):
    assert validator.is_valid(parse(BASE, "f"))
    assert not validator.is_valid(parse(BASE + text, "f"))


def test_a_wrong_input_is_invalid_too(validator):
    for wrong in ("{kind: nomal, shape: [3]}", "{kind: normal}", "{values: [1], shpe: [1]}"):
        text = f"inputs: {{X: {wrong}}}\ngraph: {{a: X * X}}\n"
        assert not validator.is_valid(parse(text, "f")), wrong


def test_every_kind_and_parameter_is_in_it():
    models = schema()["$defs"]
    for name, kind in KINDS.items():
        properties = models[f"{name.capitalize()}Input"]["properties"]
        assert set(properties) == {"kind", "shape", *kind.parameters}


def test_every_key_of_a_case_is_described():
    for name, one in schema()["$defs"]["CaseModel"]["properties"].items():
        assert "description" in one or name == "description", name
