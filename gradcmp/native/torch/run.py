"""One run of a user's function: leaves made, called, differentiated, written down."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch

from gradcmp.backends.torch import to_array, to_tensor
from gradcmp.dtypes.arrays import Array
from gradcmp.errors import InputError
from gradcmp.native.cotangents import Cotangents, upstream_of
from gradcmp.native.layouts.layout import CONTIGUOUS, Layout
from gradcmp.native.outcome import Outcome, Tap
from gradcmp.native.taps import AS_THEY_COME, Held, recording
from gradcmp.native.torch.backward import gradients_of
from gradcmp.native.torch.layouts.laying import laid_out
from gradcmp.native.torch.subject import Subject, Tensor, named_outputs
from gradcmp.native.torch.watching import Pass, Watcher

Enter: TypeAlias = Callable[[Tensor], Tensor]


def unchanged(one: Any) -> Any:
    """Return it as it is."""
    return one


@dataclass(frozen=True)
class Way:
    """How a function is run.

    Attributes
    ----------
    dtype : torch.dtype
        Of its real inputs and parameters.
    around : context manager
        What the run happens in: modes that see each operation, forward and backward.
    enter : callable
        What each real input and parameter is before the run.
    constant : callable
        What each real buffer of a module is that is no running statistic.
    calls : callable
        What is called in place of the function.
    """

    dtype: Any
    around: AbstractContextManager[Any] = field(default_factory=nullcontext)
    enter: Enter = unchanged
    constant: Enter = unchanged
    calls: Callable[[Any], Any] = unchanged


@dataclass(frozen=True)
class Call:
    """What is run: a subject at given inputs, with given cotangents.

    Attributes
    ----------
    layout : Layout
        In which inputs and cotangents are handed over.
    held : Held
        The taps that hand on what lies among the inputs.
    """

    subject: Subject
    inputs: Mapping[str, Array]
    wrt: tuple[str, ...]
    cotangents: Cotangents
    device: str
    seed: int = 0
    watched: bool = True
    layout: Layout = CONTIGUOUS
    held: Held = AS_THEY_COME

    def run(self, way: Way) -> Outcome:
        """Run it once, forward and backward; twice where `.grad` is to be filled beforehand."""
        filled = self.layout.form == "accumulated"
        made = [self._made(way) for _ in range(1 + filled)]
        with way.around:
            if filled:
                first, again = made
                gradients = self._pass(way, *first).gradients
                for name in self.wrt:
                    found = gradients[name]
                    again[1][name].grad = None if found is None else found.contiguous()
            last = self._pass(way, *made[-1])
        return self._written(last, way)

    def _made(self, way: Way) -> tuple[Subject, dict[str, Tensor]]:
        subject = self._fresh(way)
        return subject, self._leaves(subject, way)

    def _pass(self, way: Way, subject: Subject, leaves: Mapping[str, Tensor]) -> Pass:
        """Run forward and backward from the same seed."""
        module, called = subject.module if self.watched else None, subject.arrangement.taps
        watcher = Watcher(module, called, self.held.values(leaves))
        with seeded(self.seed), torch.enable_grad():
            given = self._handed(subject, leaves)
            versions = {name: tensor._version for name, tensor in given.items()}
            with recording(watcher.note if self.watched else None), watcher.hooks():
                result = subject.call(given, way.calls)
                outputs = named_outputs(result, subject.function)
                values = {name: one.detach().clone() for name, one in outputs.items()}
                upstream = self._upstream(outputs)
                before = {name: (one._version, one.clone()) for name, one in upstream.items()}
                watcher.turn()
                gradients = self._gradients(outputs, upstream, watcher.roots, leaves)
            watcher.take(gradients)
            random = _has_drawn(self.seed)
        own = {name: gradients[name] for name in self.wrt}
        return Pass(values, own, leaves, watcher, given, versions, upstream, before, random)

    def shapes(self, way: Way) -> dict[str, tuple[int, ...]]:
        """Run it forward, and return the shape of each output that has a derivative."""
        subject = self._fresh(way)
        leaves = self._leaves(subject, way)
        with seeded(self.seed), torch.enable_grad(), way.around:
            outputs = named_outputs(subject.call(self._handed(subject, leaves)), subject.function)
        return {n: tuple(one.shape) for n, one in outputs.items() if one.requires_grad}

    def _fresh(self, way: Way) -> Subject:
        """Return the subject in the dtype, on the device."""
        subject = self.subject.fresh()
        if subject.module is not None:
            held = [name for name, one in tables(subject.module) if one.dtype != torch.float64]
            subject.module.to(device=self.device, dtype=way.dtype)
            for name, table in tables(subject.module):
                if name in held:
                    table.copy_(way.constant(table))
        return subject

    def _leaves(self, subject: Subject, way: Way) -> dict[str, Tensor]:
        """Return the tensors that gradients are taken of, and all other inputs."""
        leaves = {}
        for name, array in self.inputs.items():
            if name in subject.parameters:
                continue
            tensor = to_tensor(array, self.device)
            if tensor.is_floating_point():
                tensor = way.enter(tensor.to(way.dtype)).requires_grad_(name in self._sources)
            leaves[name] = tensor
        for name, parameter in subject.parameters.items():
            with torch.no_grad():
                if name in self.inputs:
                    parameter.copy_(to_tensor(self.inputs[name], self.device))
                if parameter.is_floating_point():
                    parameter.copy_(way.enter(parameter.detach().clone()))
            parameter.requires_grad_(name in self.wrt)
            leaves[name] = parameter
        return leaves

    def _handed(self, subject: Subject, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what a function is handed: it may change that in place, and a leaf it may not."""
        return {
            name: laid_out(leaf, self.layout)
            if self.layout.covers("input", name)
            else leaf.clone()
            if leaf.requires_grad
            else leaf
            for name, leaf in self.held.given(leaves).items()
            if name not in subject.parameters
        }

    @property
    def _sources(self) -> tuple[str, ...]:
        """What gradients are taken of: inputs and parameters, and taps that hand on their own."""
        return (*self.wrt, *self.held.slopes)

    def _slopes(self, taps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the gradient that goes on from each tap that hands on what it is given."""
        given = self.held.slopes
        return {n: to_tensor(given[n], self.device).to(one.dtype) for n, one in taps.items()}

    def _upstream(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the cotangent of each output that has a derivative, and is to have one."""
        found = {}
        for name, output in outputs.items():
            meant = self.layout.covers("cotangent", name)
            if not output.requires_grad or (meant and self.layout.form == "absent"):
                continue
            given = upstream_of(self.cotangents, name, tuple(output.shape))
            if given is None:
                raise InputError(f"output '{name}' of shape {_shape(output)} has no cotangent")
            array = np.asarray(given)
            if array.shape != tuple(output.shape):
                raise InputError(
                    f"the cotangent of output '{name}' has shape {_text(array.shape)}, and the "
                    f"output {_shape(output)}"
                )
            found[name] = to_tensor(array, self.device).to(output.dtype)
            if meant:
                with torch.no_grad():
                    found[name] = laid_out(found[name], self.layout)
        return found

    def _gradients(
        self,
        outputs: Mapping[str, Tensor],
        upstream: Mapping[str, Tensor],
        taps: Mapping[str, Tensor],
        leaves: Mapping[str, Tensor],
    ) -> dict[str, Tensor | None]:
        ends = [(outputs[name], one) for name, one in upstream.items()]
        ends += [(taps[name], one) for name, one in self._slopes(taps).items()]
        sources = {name: leaves[name] for name in self._sources}
        return gradients_of(ends, sources, twice=self.layout.form == "twice")

    def _written(self, one: Pass, way: Way) -> Outcome:
        """Bring everything to NumPy."""
        values, gradients, leaves = one.values, one.gradients, one.leaves
        watcher = one.watcher
        unused = {name for name, gradient in gradients.items() if gradient is None}
        slopes = {
            name: torch.zeros_like(leaves[name]) if gradient is None else gradient
            for name, gradient in gradients.items()
        }
        named = {**values, **watcher.values, **{f"d {name}": one for name, one in slopes.items()}}
        return Outcome(
            outputs={name: to_array(one) for name, one in values.items()},
            gradients={name: to_array(one) for name, one in slopes.items()},
            taps={name: _tap(*pair) for name, pair in watcher.pairs().items()},
            dtypes={name: str(one.dtype).removeprefix("torch.") for name, one in named.items()},
            unused=frozenset(unused | watcher.silent()),
            bypassed=watcher.bypassed(),
            changed=one.changed(self.inputs, noisy=way.enter is not unchanged),
            frozen=frozenset(self.subject.frozen & {*self.wrt}),
            random=one.random,
        )


def _tap(value: Tensor, gradient: Tensor | None) -> Tap:
    return Tap(to_array(value), None if gradient is None else to_array(gradient))


def tables(module: Any) -> Iterator[tuple[str, Tensor]]:
    """Return the real buffers of a module that are constants: no running statistics."""
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point() and "running_" not in name.rpartition(".")[2]:
            yield name, buffer


def _shape(tensor: Tensor) -> str:
    return _text(tuple(tensor.shape))


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "()"


def _has_drawn(seed: int) -> bool:
    """Whether torch's generators are not where `seeded` set them."""
    on_device = torch.cuda.default_generators if torch.cuda.is_initialized() else ()
    return any(
        not torch.equal(one.get_state(), torch.Generator(one.device).manual_seed(seed).get_state())
        for one in (torch.default_generator, *on_device)
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all that may draw at random, and leave the generators as they were found."""
    on_device = torch.cuda.is_initialized()
    with ExitStack() as stack:
        # Not `fork_rng` nor `manual_seed`, which ask every kind of device each time.
        stack.callback(torch.default_generator.set_state, torch.default_generator.get_state())
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())
        torch.default_generator.manual_seed(seed)
        if on_device:
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
            torch.cuda.manual_seed_all(seed)
        random.seed(seed)
        np.random.seed(seed)
        yield
