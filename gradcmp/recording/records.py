"""The arrays that one backend computed for one case, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from gradcmp.dtypes.arrays import Array
from gradcmp.recording.account import Account
from gradcmp.recording.origin import Origin


@dataclass(frozen=True)
class Recording:
    """Values and gradients by node name, and how they were made.

    Attributes
    ----------
    backend : str
        The label of the backend specification: ``tensorflow:graph``.
    dtype : str
        The dtype in which it computed.
    values, gradients : mapping of str to array
        By the name of the input or node.
    environment : mapping of str to str
        Versions, thread counts, determinism and precision flags.
    timings : mapping of str to float
        Seconds by phase.
    origin : Origin, optional
        The case that was computed and the hashes of its inputs. Saved recordings have it.
    given : mapping of str to array, optional
        Inputs that cannot be recovered from the recording's own arrays, because the cast to its
        dtype lost digits; by the names in `Origin.hashes`. None where they were not kept.
    twin : Recording, optional
        The same backend on the same inputs in float64.
    own_noise : mapping of str to array
        By tensor, as on screen, the noise of the backend's own code, as runs at nudged inputs have
        shown it; of those tensors alone that cannot be judged without.
    coarse_sums : set of str, optional
        The kinds of sums, `gradcmp.ops.primitives.Sum`, that it adds up in bfloat16 itself; None
        of what was computed in another dtype, or of a backend that does not say.
    account : Account, optional
        Of a function of the user that is to be judged later: what its further runs have shown.
    """

    backend: str
    dtype: str
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    environment: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    origin: Origin | None = None
    given: Mapping[str, Array] | None = None
    twin: Recording | None = None
    own_noise: Mapping[str, Array] = field(default_factory=dict)
    coarse_sums: frozenset[str] | None = None
    account: Account | None = None

    @cached_property
    def tensors(self) -> Mapping[str, Array]:
        """All arrays by the name that they have on screen: ``node1``, ``d node1``."""
        gradients = {f"d {name}": array for name, array in self.gradients.items()}
        return {**self.values, **gradients}


FailureKind: TypeAlias = Literal["absent", "crashed", "timeout", "error"]


@dataclass(frozen=True)
class Failure:
    """Why there is no recording: that backend's verdict, never an end to the run.

    Attributes
    ----------
    kind : {"absent", "crashed", "timeout", "error"}
        Not installed; ended by a signal or exit; took longer than its timeout; raised.
    message : str
        One or two sentences: the reason, and the way out.
    stderr : str
        The end of the worker's stderr.
    required : bool
        Whether the run fails for it: a backend that is optional and absent is only reported. One
        that is there and fails counts, whatever was said of its absence.
    """

    backend: str
    kind: FailureKind
    message: str
    stderr: str = ""
    required: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", self.required or self.kind != "absent")


Outcome: TypeAlias = Recording | Failure
