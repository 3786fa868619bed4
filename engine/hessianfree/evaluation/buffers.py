"""The buffers of the modules that a step calls: running statistics, codebooks, masks."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class _Value:
    """What a buffer holds. `home` is the tensor to write that into at the end; None: `tensor` takes its place."""

    tensor: Tensor
    home: Tensor | None


Contents = Mapping[nn.Module, Mapping[str, _Value | None]]
"""Buffers of many modules by name; of modules that are missing here, what they held when they were met."""


class Buffers:
    """Lends every forward pass buffers of its own, so that no pass sees what another one did to them.

    The modules' tensors are exchanged for copies during a pass and put back after it. They are written at the end,
    when the kept graphs, which may hold buffers too, are needed no more. Modules come in as they are met. Buffers that
    the first pass leaves alone (masks, tables) are not copied again.
    """

    def __init__(self) -> None:
        self._originals: dict[nn.Module, dict[str, Tensor | None]] = {}
        self._first: dict[nn.Module, dict[str, _Value | None]] = {}
        self._settled: set[nn.Module] = set()
        self._steady: set[Tensor] = set()  # originals that a first pass left alone
        self._lent: dict[Tensor, Tensor] | None = None  # copies by what they are copies of, during a pass
        self._contents: Contents = {}

    def __contains__(self, module: nn.Module) -> bool:
        return module in self._originals

    def watch(self, root: nn.Module) -> None:
        """Take in `root` and all its descendants, before any of them runs."""
        for module in root.modules():
            if module in self._originals:
                continue
            self._originals[module] = dict(module._buffers)
            self._first[module] = {
                name: None if tensor is None else _Value(tensor=tensor, home=tensor)
                for name, tensor in module._buffers.items()
            }
            if self._lent is None:  # somebody else's pass: the originals themselves are written to
                self._protect(module)
            else:
                self._lend(module)

    def begin(self, contents: Contents) -> None:
        """A pass begins: the modules hold copies of `contents` from now on."""
        self._lent, self._contents = {}, contents
        for module in self._originals:
            self._lend(module)

    def end(self) -> Contents:
        """The pass is over: the modules hold their own tensors again; answers what it left."""
        left = {}
        for module, first in self._first.items():
            began = self._contents.get(module, first)
            left[module] = {
                name: None if tensor is None else self._left(tensor, began.get(name))
                for name, tensor in module._buffers.items()
            }
            _bind(module, self._originals[module])
        self._lent = None
        return left

    def settle(self, left: Contents) -> None:
        """A first pass is over and `left` this: find out which buffers of the modules met in it it left alone."""
        for module, originals in self._originals.items():
            if module in self._settled:
                continue
            for name, tensor in originals.items():
                value = left[module].get(name)
                if (
                    tensor is not None
                    and value is not None
                    and value.home is tensor
                    and torch.equal(value.tensor, tensor)
                ):
                    self._steady.add(tensor)
            self._protect(module)
            self._settled.add(module)

    def first(self) -> Contents:
        """What the modules held when they were met."""
        return self._first

    def keep(self, contents: Contents) -> None:
        """From now on the modules hold `contents`."""
        for module, wanted in contents.items():
            for value in wanted.values():
                if value is not None and value.home is not None and value.home is not value.tensor:
                    with torch.no_grad():
                        value.home.copy_(value.tensor)
            _bind(
                module,
                {
                    name: None if value is None else value.tensor if value.home is None else value.home
                    for name, value in wanted.items()
                },
            )

    def _protect(self, module: nn.Module) -> None:
        """Copy what the originals hold: a layer that runs outside of a pass, in a checkpoint, writes into them."""
        self._first[module] = {
            name: None
            if tensor is None
            else _Value(tensor=tensor if tensor in self._steady else tensor.detach().clone(), home=tensor)
            for name, tensor in self._originals[module].items()
        }

    def _lend(self, module: nn.Module) -> None:
        wanted = self._contents.get(module, self._first[module])
        _bind(module, {name: None if value is None else self._copy(value) for name, value in wanted.items()})

    def _copy(self, value: _Value) -> Tensor:
        assert self._lent is not None
        if value.home in self._steady or value.tensor.requires_grad:
            return value.tensor
        if value.tensor not in self._lent:  # two modules may share a buffer
            self._lent[value.tensor] = value.tensor.detach().clone()
        return self._lent[value.tensor]

    def _left(self, tensor: Tensor, began: _Value | None) -> _Value:
        same = began is not None and tensor is self._copy(began)
        return _Value(tensor=tensor, home=began.home if same and began is not None else None)


def _bind(module: nn.Module, buffers: Mapping[str, Tensor | None]) -> None:
    for name in module._buffers.keys() - buffers.keys():
        del module._buffers[name]
    module._buffers.update(buffers)
