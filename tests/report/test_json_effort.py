"""What repeated runs and lone nodes have shown is in the JSON report too."""

import json
from dataclasses import replace

from gradcmp.judge.verdict import Pair
from gradcmp.report.json import report


def test_runs_and_lone_nodes_are_told(make):
    alone = make(("numpy", "torch"))
    steady = alone.comparisons[Pair("torch", "numpy")]["d X"]
    unsteady = {
        "torch": {"d X": steady.with_measured(statistics=replace(steady.statistics, max_ulp=3.0))}
    }
    verdict = replace(alone, runs=2, unsteady=unsteady, isolated={"node1": alone})
    (case,) = json.loads(report([verdict]))["cases"]
    assert case["runs"] == 2
    assert case["unsteady"] == {"torch": {"d X": 3.0}}
    assert case["isolated"]["node1"]["verdict"] == "agree"
    (plain,) = json.loads(report([alone]))["cases"]
    assert (plain["runs"], plain["unsteady"], plain["isolated"]) == (1, {}, {})
