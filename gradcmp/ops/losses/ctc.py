"""Loss of a sequence of labels that nobody has aligned: connectionist temporal classification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.activations.softmax import log_softmax_value
from gradcmp.ops.losses.native_ctc import NATIVE
from gradcmp.ops.losses.reduction import REDUCTIONS, reduced, reduced_shape, shared
from gradcmp.ops.primitives import constant, spread, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool, require_int


def _infer(
    logits: ArraySpec,
    targets: ArraySpec,
    input_lengths: ArraySpec,
    target_lengths: ArraySpec,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> ArraySpec:
    require_float(logits)
    require_int("blank", blank, low=0)
    require_bool("zero_infinity", zero_infinity)
    if len(logits.shape) != 3 or 0 in logits.shape:
        raise ShapeError(f"logits {logits.shape} are not (steps, samples, classes)")
    if blank >= logits.shape[2]:
        raise ShapeError(f"blank is {blank}, and must be one of {logits.shape[2]} classes")
    samples = logits.shape[1:2]
    for name, spec, shape in (
        ("targets", targets, (*samples, *targets.shape[1:2])),
        ("input_lengths", input_lengths, samples),
        ("target_lengths", target_lengths, samples),
    ):
        if spec.kind != "int":
            raise ShapeError(f"{name} is of kind '{spec.kind}', and must be of integers")
        if spec.shape != shape or (name == "targets" and len(shape) != 2):
            wanted = "(samples, labels)" if name == "targets" else "one for each sample"
            raise ShapeError(f"{name} {spec.shape} is not {wanted} of logits {logits.shape}")
    return reduced_shape(samples, reduction)


def _bounds(
    logits: ArraySpec, targets: ArraySpec, *_: ArraySpec, **__: object
) -> tuple[range | None, ...]:
    """Return which classes there are, what pads the targets included, and how long all may be."""
    steps, classes = logits.shape[0], logits.shape[2]
    return None, range(classes), range(1, steps + 1), range(targets.shape[1] + 1)


@dataclass(frozen=True)
class _Paths:
    """The states that a path goes through: a blank before, between and after the labels.

    Attributes
    ----------
    label : array of int
        (samples, states): the class of each state.
    skip : array of bool
        Where the state two before may be the one before: no label after its like.
    ends : array of bool
        The last label and the blank after it.
    runs : array of bool
        (steps, samples, 1): the steps that a sample has.
    """

    label: Array
    skip: Array
    ends: Array
    runs: Array

    @classmethod
    def of(
        cls, targets: Array, steps: int, input_lengths: Array, target_lengths: Array, blank: int
    ) -> _Paths:
        """Lay the labels between blanks."""
        samples, labels = np.shape(targets)
        pairs = np.stack([np.full_like(targets, blank), targets], axis=-1)
        last = np.full((samples, 1), blank)
        label = np.concatenate([np.reshape(pairs, (samples, 2 * labels)), last], axis=1)
        differ = label[:, 2:] != label[:, :-2]
        skip = np.concatenate([np.zeros((samples, min(2, 2 * labels + 1)), bool), differ], axis=1)
        place, end = np.arange(2 * labels + 1), np.expand_dims(2 * target_lengths, 1)
        ends = np.logical_or(place == end, place == end - 1)
        runs = np.reshape(np.arange(steps), (steps, 1)) < input_lengths
        return cls(label, skip, ends, np.expand_dims(runs, -1))


@dataclass(frozen=True)
class _Flow:
    """Logarithms of probabilities, and where there are any: elsewhere the probability is 0."""

    log: Array
    alive: Array

    def chosen(self, where: Array, other: _Flow) -> _Flow:
        """Return this one where it holds, else the other."""
        log = np.where(where, self.log, other.log)
        return _Flow(log, np.where(where, self.alive, other.alive))

    def moved(self, by: int) -> _Flow:
        """Return what is so many states later, or earlier by a negative number."""
        return _Flow(_moved(self.log, by), _moved(self.alive, by))

    def kept(self, where: Array) -> _Flow:
        """Return what is left where only those count."""
        return _Flow(self.log, np.logical_and(self.alive, where))


def _moved(x: Array, by: int) -> Array:
    """Move by so many states, those that fall out coming in as nothing on the other side."""
    if np.shape(x)[1] < abs(by):
        return np.zeros_like(x)
    none = np.zeros_like(x[:, : abs(by)])
    return np.concatenate([none, x[:, :-by]] if by > 0 else [x[:, -by:], none], axis=1)


def _joined(*flows: _Flow) -> _Flow:
    """Add up probabilities: log sum exp, over those that there are."""
    alive, lowest = flows[0].alive, constant(-np.inf, flows[0].log)
    top = np.where(alive, np.real(flows[0].log), lowest)
    for flow in flows[1:]:
        alive = np.logical_or(alive, flow.alive)
        top = np.maximum(top, np.where(flow.alive, np.real(flow.log), lowest))
    top = np.where(np.isfinite(top), top, 0)
    terms = [
        np.where(flow.alive, np.exp(np.where(flow.alive, flow.log, 0) - top), 0) for flow in flows
    ]
    summed = np.where(alive, sum(terms[1:], terms[0]), 1)
    return _Flow(np.log(summed) + top, alive)


def _forward(e: Array, paths: _Paths) -> list[_Flow]:
    """Return alpha: of each step, that the labels up to a state have been said by then."""
    first = np.arange(np.shape(e)[2]) < 2
    flow = _Flow(e[0], np.broadcast_to(first, np.shape(e)[1:]))
    flows = [flow]
    for t in range(1, np.shape(e)[0]):
        stay = _joined(flow, flow.moved(1), flow.moved(2).kept(paths.skip))
        flow = _Flow(stay.log + e[t], stay.alive).chosen(paths.runs[t], flow)
        flows.append(flow)
    return flows


def _backward(e: Array, paths: _Paths) -> list[_Flow]:
    """Return beta: of each step, that the labels after a state are said after it."""
    end = _Flow(np.zeros_like(e[0]), np.broadcast_to(paths.ends, np.shape(e)[1:]))
    flow, flows = end, [end]
    skip = _moved(paths.skip, -2)
    for t in reversed(range(np.shape(e)[0] - 1)):
        said = _Flow(flow.log + e[t + 1], flow.alive)
        joined = _joined(said, said.moved(-1), said.moved(-2).kept(skip))
        flow = joined.chosen(paths.runs[t + 1], end)
        flows.insert(0, flow)
    return flows


def ctc_loss(
    logits: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> tuple[Array, Pullback]:
    """-log of the probability of the targets, over all ways to spread them over the steps.

    logits are (steps, samples, classes), as TensorFlow and Optax take them, and not their
    log_softmax as in torch, targets (samples, labels) without blanks; of both only so many count as
    their lengths say. A step says nothing by blank, and steps that repeat a label say it once. Its
    mean, its sum, or "none": one for each sample; for the mean each is divided by its number of
    labels first.

    VJP: with alpha and beta the probabilities of what lies before and after a state, and
    c_k = sum over the states of label k of alpha * beta / probability: dlogits_k =
    (softmax(logits)_k - c_k) * dy, 0 beyond a length; for the mean divided by labels and samples.
    Convention: a sample whose labels need more steps than there are is infinite, or 0 with
    zero_infinity, and its gradient is zero: torch's is NaN unless zero_infinity.
    Ref: Graves et al. (2006), equations 5 to 16, in logarithms.
    """
    steps, samples, _ = np.shape(logits)
    paths = _Paths.of(targets, steps, input_lengths, target_lengths, blank)
    log_p = log_softmax_value(logits, axis=2)
    at = np.broadcast_to(paths.label, (steps, *np.shape(paths.label)))
    e = np.take_along_axis(log_p, at, axis=2)
    alphas = _forward(e, paths)
    last = alphas[-1].kept(paths.ends)
    whole = _over_states(last)
    nothing = constant(0.0 if zero_infinity else np.inf, logits)
    loss = np.where(whole.alive, -whole.log, nothing)[:, 0]
    labels = _label_counts(logits, np.shape(targets), target_lengths)
    each = loss / labels if reduction == "mean" else loss

    def pullback(dy: Array) -> tuple[Array, None, None, None]:
        betas = _backward(e, paths)
        log = np.stack([a.log for a in alphas]) + np.stack([b.log for b in betas])
        alive = np.logical_and(*(np.stack([f.alive for f in one]) for one in (alphas, betas)))
        counts = np.logical_and(np.logical_and(alive, whole.alive), paths.runs)
        c = np.where(counts, np.exp(np.where(counts, log - whole.log, 0)), 0)
        hit = np.expand_dims(paths.label, -1) == np.arange(np.shape(logits)[2])
        said = total(np.where(hit, np.expand_dims(c, -1), 0), 2)
        share = spread(shared(dy, reduction, (samples,)), (samples,))
        share = share / labels if reduction == "mean" else share
        slope = np.where(np.logical_and(paths.runs, whole.alive), np.exp(log_p) - said, 0)
        return slope * np.expand_dims(share, 1), None, None, None

    return reduced(each, reduction), pullback


def _over_states(flow: _Flow) -> _Flow:
    """Add up the probabilities of a sample's states."""
    top = np.where(flow.alive, np.real(flow.log), constant(-np.inf, flow.log))
    top = np.max(top, axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    alive = np.logical_or.reduce(flow.alive, axis=1, keepdims=True)
    terms = np.where(flow.alive, np.exp(np.where(flow.alive, flow.log, 0) - top), 0)
    summed = np.where(alive, total(terms, 1, keepdims=True), 1)
    return _Flow(np.log(summed) + top, alive)


def _label_counts(logits: Array, shape: Shape, target_lengths: Array) -> Array:
    """Return by how many labels a sample's loss is divided, at least 1, in the dtype of x."""
    counts = np.asarray([max(1, n) for n in range(shape[1] + 1)], logits.dtype)
    return np.take(counts, target_lengths)


SHAPES: dict[str, Shape] = {
    "logits": (5, 3, 4),
    "targets": (3, 2),
    "input_lengths": (3,),
    "target_lengths": (3,),
}
CALL = "ctc_loss(logits, targets, input_lengths, target_lengths"

register(
    Op(
        "ctc_loss",
        ctc_loss,
        infer=_infer,
        native=NATIVE,
        domain={
            "targets": Integers(1, 3),
            "input_lengths": Integers(4, 6),
            "target_lengths": Integers(1, 3),
        },
        examples=(
            Example(f"{CALL})", SHAPES),
            *(
                Example(f"{CALL}, blank=3, reduction='{word}', zero_infinity=True)", SHAPES)
                for word in REDUCTIONS
            ),
        ),
        loses_digits=True,
        bounds=_bounds,
    )
)
