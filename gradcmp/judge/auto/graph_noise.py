"""The noise of a graph, calibrated when it is first asked for: a `NoiseSource`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gradcmp.case import DType
from gradcmp.derivatives import Asked, is_derived, is_tangent
from gradcmp.dtypes import FORMATS
from gradcmp.graph import Graph
from gradcmp.graph.records import STEP
from gradcmp.graph.stepped import derived
from gradcmp.judge.auto.loudness import OWN_LIMITS, Limits, limits_of, together
from gradcmp.judge.auto.overflow import Overflow, overflows
from gradcmp.judge.auto.source import PRECISE
from gradcmp.judge.auto.tensors.pair import RecordingPair
from gradcmp.judge.noise.bfloat16 import ANY
from gradcmp.judge.noise.calibration import Scale, calibrate, loses_digits
from gradcmp.judge.noise.model import NoModelError
from gradcmp.judge.noise.nearby_points import POINTS, STEPPED, derived_noise, run_in, self_noise
from gradcmp.once import once
from gradcmp.parts.pair import NoPairError
from gradcmp.recording import Array, Recording

REPLICAS = 16
ROUGH_REPLICAS = 4
UNITS = {"TF32": FORMATS["float16"], "bfloat16": FORMATS["bfloat16"]}  # same significands


@dataclass
class GraphNoise:
    """Calibrations of one graph on one set of inputs.

    Attributes
    ----------
    reference : Recording
        The float64 reference: its inputs, and the gradient of its output, are what a
        calibration starts from.
    asked : Asked, optional
        What it has besides the gradient.
    fallback_reason : str
        The primitive without a noise model; empty if all have one.
    """

    graph: Graph
    reference: Recording
    asked: Asked | None = None
    fallback_reason: str = ""
    _known: dict[tuple[DType, str, frozenset[str]], dict[str, Scale]] = field(default_factory=dict)
    _overflows: dict[DType, Overflow] = field(default_factory=dict)
    _lost_digits: dict[DType, bool] = field(default_factory=dict)
    _derived: dict[DType, dict[str, Scale]] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return self.graph.inputs

    @property
    def units(self) -> tuple[str, ...]:
        """Coarser units that matrix products may go through."""
        return tuple(UNITS)

    @once
    def loses_digits(self) -> bool:
        """Whether an op of the graph has a usual formula and a better one."""
        return any(node.spec.loses_digits for node in self.graph)

    @once
    def float32_run(self) -> Mapping[str, Array]:
        """What the reference computes in float32, by tensor."""
        run = run_in(STEPPED, self.graph, *self._given)
        return run | derived(self.graph, *self._given, self.asked, STEPPED) if self.asked else run

    @property
    def _given(self) -> tuple[Mapping[str, Array], Array]:
        """The inputs and the cotangent."""
        inputs = {name: self.reference.values[name] for name in self.graph.inputs}
        return inputs, self.reference.gradients[self.graph.output]

    @once
    def has_branches(self) -> bool:
        """Whether an op of the graph compares numbers."""
        return any(node.spec.compares for node in self.graph)

    def lost_digits(self, dtype: DType) -> bool:
        """Whether a usual formula lost digits here that a dtype can show."""
        if dtype not in self._lost_digits:
            known = self.reference
            try:
                found = loses_digits(self.graph, known.values, known.gradients, FORMATS[dtype])
            except (NoModelError, NoPairError):
                found = True
            self._lost_digits[dtype] = found
        return self._lost_digits[dtype]

    def overflow(self, dtype: DType) -> Overflow:
        """Return what overflows in a dtype."""
        if dtype not in self._overflows:
            self._overflows[dtype] = overflows(self.graph, self.reference, dtype)
        return self._overflows[dtype]

    def between(self, name: str, sides: RecordingPair, unit: str = "") -> Scale:
        """Return the noise of a difference of two sides."""
        both = zip(sides.noisy_dtypes, sides.sums, strict=True)
        return together([self.of(dtype, unit, sums)[name] for dtype, sums in both])

    def limits(self, dtype: DType) -> Limits:
        """Return from where on a difference in a dtype is loud."""
        return OWN_LIMITS if self.fallback_reason else limits_of(dtype)

    @property
    def rule(self) -> str:
        """The rule in full."""
        if self.fallback_reason:
            how = f"its own noise at {POINTS} nearby points, as {self.fallback_reason}"
        else:
            how = f"noise, from {REPLICAS} randomly rounded runs"
        return f"auto: |a − e| <= {self.limits('float32').r:g} × {how}"

    def of(self, dtype: DType, unit: str = "", coarse: frozenset[str] = ANY) -> Mapping[str, Scale]:
        """Return the noise of a dtype, or of one whose matrix products go through a coarser unit.

        With `PRECISE` for a unit, the noise of formulas that lose no digits where the usual ones
        do. `coarse` are the kinds of sums that are added up in bfloat16 itself.
        """
        key = (dtype, unit, coarse if FORMATS[dtype].only_stores else ANY)
        return self._get(key, lambda: self._calibrate(dtype, REPLICAS, unit, coarse))

    def roughly(self, name: str, dtype: DType) -> Scale:
        """Return the noise in a dtype, from a quick calibration where no better one is known."""
        if (dtype, "", ANY) in self._known:
            return self._known[dtype, "", ANY][name]
        key = (dtype, "roughly", ANY)
        return self._get(key, lambda: self._calibrate(dtype, ROUGH_REPLICAS, "", ANY))[name]

    @once
    def names(self) -> frozenset[str]:
        """The tensors that have noise, as they are called on screen: of real numbers, no steps."""
        tensors = self.reference.tensors.items()
        real = (name for name, array in tensors if array.dtype.kind == "f")
        return frozenset(name for name in real if STEP not in name and not is_tangent(name))

    def _get(
        self, key: tuple[DType, str, frozenset[str]], make: Callable[[], dict[str, Scale]]
    ) -> Mapping[str, Scale]:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def _calibrate(
        self, dtype: DType, replicas: int, unit: str, coarse: frozenset[str]
    ) -> dict[str, Scale]:
        names = frozenset(name for name in self.names if not is_derived(name))
        return self._calibrate_plain(names, dtype, replicas, unit, coarse) | self._beyond(dtype)

    def _beyond(self, dtype: DType) -> dict[str, Scale]:
        """Return the noise of what is asked besides the gradient."""
        if self.asked and dtype not in self._derived:
            self._derived[dtype] = derived_noise(self.graph, *self._given, self.asked, dtype)
        return self._derived.get(dtype, {})

    def _calibrate_plain(
        self,
        names: frozenset[str],
        dtype: DType,
        replicas: int,
        unit: str,
        coarse: frozenset[str],
    ) -> dict[str, Scale]:
        try:
            return calibrate(
                self.graph,
                *self._given,
                FORMATS[dtype],
                names,
                replicas,
                operands=UNITS.get(unit),
                coarse=coarse,
                precise=unit == PRECISE,
            )
        except (NoModelError, NoPairError) as error:
            self.fallback_reason = str(error)
            return self_noise(self.graph, *self._given, dtype, names)
