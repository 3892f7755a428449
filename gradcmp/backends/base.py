"""What an adapter is: NumPy in, Recording out; it never judges."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from gradcmp.backends.capabilities import missing
from gradcmp.backends.idiom import Idiom
from gradcmp.backends.job import Computed, Job, Signature, cast, own, whole
from gradcmp.case import DTYPES, DType
from gradcmp.derivatives import Asked
from gradcmp.dtypes import COMPLEX, part_of
from gradcmp.errors import AbsentError, BackendError, did_you_mean
from gradcmp.graph import Constant
from gradcmp.graph.infer import kind_of
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.ops import Array, Op
from gradcmp.ops.primitives import Sum
from gradcmp.ops.spec import EVERYWHERE, Native
from gradcmp.recording import Recording, numpy_dtype

COMPILED = 32  # compiled functions that a warm backend keeps: a config's cases times its modes


@dataclass(frozen=True)
class Step:
    """What computes one node.

    Attributes
    ----------
    operands : tuple of str or tensor
        Names of inputs and nodes, and numbers as the framework's own tensors.
    """

    name: str
    native: Native
    operands: tuple[Any, ...]
    static: Mapping[str, Any]

    def on(self, framework: Any, tensors: Mapping[str, Any]) -> Any:
        """Compute the node from those before it."""
        operands = [tensors[one] if isinstance(one, str) else one for one in self.operands]
        return self.native(framework, *operands, **self.static)


class Backend(ABC):
    """An adapter to one framework.

    The class says what there is without importing the framework; an instance has imported it.
    """

    name: ClassVar[str]
    module: ClassVar[str]  # what `import` calls the framework
    package: ClassVar[str]  # the distribution that brings it
    requirement: ClassVar[str]  # what to tell `pip install` to get it: gradcmp[torch]
    modes: ClassVar[tuple[str, ...]]  # the first is the default
    # Of modes that add one thing each to the one before, the first to the default: what.
    adds: ClassVar[Mapping[str, str]] = {}
    dtypes: ClassVar[tuple[DType, ...]] = DTYPES
    environment_variables: ClassVar[Mapping[str, str]] = {}  # set before the framework loads
    coarse_sums: ClassVar[Mapping[str, frozenset[Sum]]] = {}  # by mode: see docs/backends.md
    spellings: ClassVar[Mapping[str, Native]] = {}  # by op; before what the op itself knows
    idiom: ClassVar[Idiom | None] = None  # for `gradcmp explain`, which can do without

    device: str = "cpu"  # where an instance computes

    @classmethod
    def way_to(cls, mode: str) -> tuple[str, ...]:
        """Return the modes from the default to one that adds something to it; else nothing."""
        if mode not in cls.adds:  # all modes of a plug-in, of which nothing is known here
            return ()
        ladder = [cls.modes[0], *cls.adds]
        return tuple(ladder[: ladder.index(mode) + 1])

    @classmethod
    def installed(cls) -> bool:
        """Whether this interpreter could import the framework; nothing is imported."""
        return find_spec(cls.module) is not None

    @classmethod
    def spelling(cls, op: Op) -> Native:
        """Return ``spelling(module, *operands, **static)`` of an op in this framework.

        The adapter's own table comes first, then what the op's block says of this backend, then
        what it says of all.

        Raises
        ------
        BackendError
            When none of them knows the op.
        """
        spelling = (
            cls.spellings.get(op.name) or op.native.get(cls.name) or op.native.get(EVERYWHERE)
        )
        if spelling is None:
            raise BackendError(
                f"backend '{cls.name}' has no spelling of op '{op.name}'",
                way_out=f"Add it to {cls.__name__}.spellings, or to 'native' of the op",
            )
        return spelling

    @classmethod
    def computes(cls, op: Op) -> bool:
        """Whether a graph may have this op."""
        try:
            cls.spelling(op)
        except BackendError:
            return False
        return True

    @abstractmethod
    def __init__(self, device: str) -> None:
        """Import the framework and set the flags that make it compute what it was asked to.

        Raises
        ------
        BackendError
            When the framework cannot reach the device.
        """

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Return the devices that this machine offers the framework: ``cpu``, ``cuda:0``."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Return versions, thread counts, determinism and precision flags."""

    @abstractmethod
    def compute(
        self, signature: Signature, inputs: Mapping[str, Array], cotangent: Array
    ) -> Computed:
        """Compute every input and node and the gradient of ``<cotangent, output>``.

        Parameters
        ----------
        inputs, cotangent : arrays
            Already in the dtype of the signature, integers in int64; not to be written into.

        Returns
        -------
        Computed
            A value for each of ``signature.specs`` and a gradient for each of
            ``signature.real``; the gradient of what the output ignores is zeros.
        """

    def derive(
        self, signature: Signature, asked: Asked, inputs: Mapping[str, Array], cotangent: Array
    ) -> Mapping[str, Array]:
        """Compute what is asked besides the gradient, by `gradcmp.derivatives.names`.

        Parameters
        ----------
        inputs, cotangent, asked.tangents : arrays
            As those of `compute`.
        """
        raise BackendError(
            f"backend '{self.name}' knows the gradient alone, and no {asked.derivative}",
            way_out="Leave the backend out, or 'derivative'",
        )

    def record(self, job: Job) -> Recording:
        """Compute every input and node of a job, and the gradient of every real one.

        Raises
        ------
        BackendError
            When there is no such mode, or the framework cannot compute in the job's dtype.
        """
        start = time.perf_counter()
        mode = job.mode or self.modes[0]
        if lack := missing(type(self), mode, job.dtype):
            raise BackendError(f"backend '{self.name}' has no {lack} here", way_out=lack.way_out)
        inputs = {
            name: whole(array, job.dtype) if name in job.whole else cast(array, job.dtype)
            for name, array in job.inputs.items()
        }
        kinds = tuple((name, spec_of(array)) for name, array in inputs.items())
        signature = Signature(job.graph, mode, job.dtype, kinds)
        is_complex = signature.specs[job.graph.output].kind == "complex"
        cotangent = (whole if is_complex else cast)(np.asarray(job.cotangent), job.dtype)
        computed = self.compute(signature, inputs, cotangent)
        values = {name: own(array) for name, array in computed.values.items()}
        if job.asked:
            tangents = {name: cast(v, job.dtype) for name, v in job.asked.tangents.items()}
            asked = Asked(job.asked.derivative, tangents)
            derived = self.derive(signature, asked, inputs, cotangent)
            values |= {n: own(array) for n, array in {**asked.given, **derived}.items()}
        gradients = {name: own(array) for name, array in computed.gradients.items()}
        timings = {**computed.timings, "total": time.perf_counter() - start}
        return Recording(
            job.label,
            part_of(job.dtype),
            values,
            gradients,
            {**self.environment(), **computed.facts, **_told(job.dtype)},
            timings,
            coarse_sums=self._sums_of(mode, job.dtype),
        )

    def evaluate(
        self,
        framework: Any,
        signature: Signature,
        inputs: Mapping[str, Any],
        tensor: Callable[[Array], Any],
        tap: Callable[[str, Any], Any],
    ) -> dict[str, Any]:
        """Compute every node with the framework's own functions.

        Parameters
        ----------
        framework : module
            What the spellings are handed first.
        inputs : mapping of str to tensor
            Already in the framework's own type.
        tensor : callable
            Makes an array into a tensor, for the numbers in expressions.
        tap : callable
            Is handed each node's name and tensor on its way and gives what flows on.

        Returns
        -------
        dict of str to tensor
            The inputs, then the nodes in the order of the graph.

        Raises
        ------
        BackendError
            When an op of the graph has no spelling here.
        """
        tensors = dict(inputs)
        for step in self.steps(signature, tensor):
            tensors[step.name] = tap(step.name, step.on(framework, tensors))
        return tensors

    def steps(self, signature: Signature, tensor: Callable[[Array], Any]) -> list[Step]:
        """Return what is called for each node, the numbers in its expression made into tensors.

        Raises
        ------
        BackendError
            When an op of the graph has no spelling here.
        """
        constant = constants_of(numpy_dtype(signature.dtype))
        return [
            Step(
                node.name,
                self.spelling(node.spec),
                tuple(
                    tensor(constant(operand.value, kind_of(node, operand, signature.specs)))
                    if isinstance(operand, Constant)
                    else operand
                    for operand in node.operands
                ),
                node.static,
            )
            for node in signature.graph
        ]

    def choose_device(self, device: str) -> str:
        """Return the full name of a device that there is; ``cuda`` is the first of its kind."""
        full = f"{device}:0" if device == "cuda" else device
        if full not in self.devices():
            raise AbsentError(
                f"backend '{self.name}' has no device '{full}' here",
                way_out=did_you_mean(full, self.devices()),
            )
        return full

    def _sums_of(self, mode: str, dtype: DType) -> frozenset[str] | None:
        """Return what is added up in the dtype itself: declared for bfloat16 and the CPU alone."""
        known = dtype == "bfloat16" and self.device == "cpu"
        return self.coarse_sums.get(mode) if known else None


def _told(dtype: DType) -> dict[str, str]:
    """Return what a recording has to tell of complex numbers: its arrays are of their parts."""
    return {"complex": f"{dtype}, in parts of {part_of(dtype)}"} if dtype in COMPLEX else {}
