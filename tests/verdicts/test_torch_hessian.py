"""A wrong second derivative of a framework, as published in docs/derivatives.md."""

from __future__ import annotations

import pytest

from gradcmp import run

CASE = """
inputs: {x: normal:3x4, w: normal:4, b: normal:4}
graph: {y: "layer_norm(x, w, b)", out: sum(y * y * y)}
derivative: hessian
backends: [torch]
"""


@pytest.mark.usefixtures("with_torch")
def test_one_block_of_the_hessian_of_layer_norm_is_wrong(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The block is the transpose of H[x, w], as Schwarz's theorem says, and in torch it is not."""
    config = tmp_path / "layer_norm.yaml"
    config.write_text(CASE)
    verdict = run(config)
    blocks = [f"H[{first}, {second}]" for first in "xwb" for second in "xwb"]
    (found,) = (
        seen for pair, seen in verdict.comparisons.items() if pair.actual.startswith("torch")
    )
    assert {name for name in blocks if not found[name].agrees} == {"H[w, x]"}
    assert found["H[w, x]"].verdict.reason == "bug"
