"""What several tests of tolerance auto watch."""

from __future__ import annotations

import pytest

from gradcmp.judge.auto.graph_noise import GraphNoise


@pytest.fixture
def calibrations(monkeypatch):
    """Count calibrations."""
    made = []
    calibrate = GraphNoise._calibrate

    def counted(self, dtype, replicas, unit, *rest):
        made.append((dtype, replicas, unit))
        return calibrate(self, dtype, replicas, unit, *rest)

    monkeypatch.setattr(GraphNoise, "_calibrate", counted)
    return made
