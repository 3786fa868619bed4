"""A flat view of the trainable tensors."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import torch
import torch.autograd.forward_ad as forward_mode
from torch import Tensor
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from hessianfree.errors import ParameterError


class Parameters:
    """The trainable tensors of one or more groups as one vector of P entries.

    Every tensor keeps its own storage and identity: values are written into it, never rebound.
    """

    def __init__(
        self, groups: Sequence[Sequence[Tensor]], names: Sequence[Sequence[str] | None] | None = None
    ) -> None:
        """`groups`: the tensors of each parameter group; those without `requires_grad` are left out.

        `names` are theirs, a list a group where known; errors use them.

        Raises:
            ParameterError: nothing is trainable, something is complex or sparse, or dtypes or devices are mixed.
        """
        trainable = [[p for p in group if p.requires_grad] for group in groups]
        self.tensors: list[Tensor] = [p for group in trainable for p in group]
        if not self.tensors:
            raise ParameterError("none of the parameters is trainable (requires_grad=True)")
        _check_alike(groups, names)
        self.dtype, self.device = self.tensors[0].dtype, self.tensors[0].device
        self._sizes = [p.numel() for p in self.tensors]
        self._group_sizes = [sum(p.numel() for p in group) for group in trainable]

    @property
    def dimension(self) -> int:
        """P, the number of trainable scalars."""
        return sum(self._sizes)

    def zeros(self) -> Tensor:
        """A [P] vector of zeros."""
        return torch.zeros(self.dimension, dtype=self.dtype, device=self.device)

    @torch.no_grad()
    def norm(self) -> Tensor:
        """Euclidean norm of all entries, 0-dimensional."""
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(self.tensors)))
        return norm

    def flatten(self, tensors: Sequence[Tensor | None]) -> Tensor:
        """One [P] vector of tensors shaped like the parameters; None stands for zeros. Detached.

        Sparse ones, the gradients of embeddings with `sparse=True`, are made dense.
        """
        return torch.cat(
            [
                p.new_zeros(p.numel()) if t is None else _dense(t.detach()).reshape(-1)
                for p, t in zip(self.tensors, tensors, strict=True)
            ]
        )

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a [P] vector, shaped like the parameters."""
        chunks = torch.split(vector, self._sizes)
        return [chunk.view(p.shape) for chunk, p in zip(chunks, self.tensors, strict=True)]

    def spread(self, values: Sequence[float]) -> float | Tensor:
        """One value a group, as one float where they agree (or only one group has entries), else as a [P] vector."""
        held = [(value, size) for value, size in zip(values, self._group_sizes, strict=True) if size]
        if len({value for value, _ in held}) == 1:
            return held[0][0]
        return torch.cat(
            [torch.full((size,), value, dtype=self.dtype, device=self.device) for value, size in held]
        )

    @torch.no_grad()
    def add(self, step: Tensor) -> None:
        """parameters += step, in place."""
        for p, part in zip(self.tensors, self.split(step), strict=True):
            p.add_(part)

    @contextmanager
    def tangents(self, vector: Tensor) -> Iterator[None]:
        """Inside, forward-mode differentiation sees the parameters move along `vector` [P]; they stay as they are.

        Kept graphs stay valid: the tensors' versions do not change, as their values do not.
        """
        _load_forward_mode()
        with forward_mode.dual_level(), torch.no_grad():
            for p, part in zip(self.tensors, self.split(vector), strict=True):
                with _unsafe_preserve_version_counter(p):
                    p.copy_(forward_mode.make_dual(p.detach().clone(), part))  # type: ignore[no-untyped-call]
            yield

    @contextmanager
    def trial(self, step: Tensor) -> Iterator[None]:
        """Inside, the parameters are moved by `step`; afterwards, also on an exception, they are as before."""
        with torch.no_grad():
            origin = [p.detach().clone() for p in self.tensors]
        try:
            self.add(step)
            yield
        finally:
            with torch.no_grad():
                for p, value in zip(self.tensors, origin, strict=True):
                    p.copy_(value)


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def _check_alike(groups: Sequence[Sequence[Tensor]], names: Sequence[Sequence[str] | None] | None) -> None:
    """Raise a ParameterError that names whichever trainable parameters cannot go into one flat vector."""
    trainable = [
        (p, f"{_label(i, j, names)}, {p.dtype} {list(p.shape)} on {p.device}")
        for i, group in enumerate(groups)
        for j, p in enumerate(group)
        if p.requires_grad
    ]
    if unfit := [text for p, text in trainable if p.is_complex() or p.layout is not torch.strided]:
        raise ParameterError(
            f"trainable parameters must be real and dense; got {_listed(unfit)}. Of a complex one, make "
            "torch.view_as_real the parameter"
        )
    kinds = Counter((p.dtype, p.device) for p, _ in trainable)
    ((dtype, device), _) = kinds.most_common(1)[0]
    if others := [text for p, text in trainable if (p.dtype, p.device) != (dtype, device)]:
        raise ParameterError(
            "all trainable parameters must share one dtype and one device; most are "
            f"{dtype} on {device}, but not {_listed(others)}"
        )


def _label(group: int, position: int, names: Sequence[Sequence[str] | None] | None) -> str:
    known = names[group] if names is not None else None
    return known[position] if known is not None else f"parameter {position} of group {group}"


def _listed(texts: Sequence[str]) -> str:
    shown = "; ".join(texts[:3])
    return shown if len(texts) <= 3 else f"{shown}; and {len(texts) - 3} more"


@cache
def _load_forward_mode() -> None:
    """The first dual number has torch compile decompositions, in a way that it has itself deprecated."""
    with warnings.catch_warnings(), forward_mode.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_mode.make_dual(torch.zeros(1), torch.zeros(1))  # type: ignore[no-untyped-call]
