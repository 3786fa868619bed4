"""The two kinds of function a step can minimize: a closure, and a model over lists of batches."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from hessianfree.curvature.accumulated import AccumulatedCurvature
from hessianfree.curvature.memory import GraphMemory
from hessianfree.curvature.recomputed import recomputed
from hessianfree.curvature.saved import SavedTensors
from hessianfree.errors import ClosureError
from hessianfree.evaluation import Evaluation
from hessianfree.interfaces import CurvatureAt, LinearMap
from hessianfree.parameters import Parameters
from hessianfree.records import ForwardPass, Linearization

Forward = Callable[[], tuple[Tensor, Any]]
_Numbered = tuple[int, tuple[Any, Any]]  # a batch and its position in its list


class ClosureObjective:
    """The function behind `HessianFree.step`: `forward()` answers `(loss, outputs)` at the current parameters."""

    def __init__(
        self,
        parameters: Parameters,
        forward: Forward,
        curvature: CurvatureAt,
        evaluation: Evaluation,
        graph_memory: GraphMemory,
        *,
        gradient: Tensor | None = None,
        product: LinearMap | None = None,
    ) -> None:
        """`gradient` [P] and `product` [P] -> [P], where given, are used instead of what `forward` implies.

        Every forward pass goes through `evaluation`; use the objective while that is entered.
        """
        self._parameters, self._forward, self._curvature = parameters, forward, curvature
        self._evaluation, self._graph_memory = evaluation, graph_memory
        self._gradient, self._product = gradient, product
        if gradient is not None and gradient.shape != (parameters.dimension,):
            raise ClosureError(
                f"grad must have shape [{parameters.dimension}], one entry a trainable parameter; "
                f"got {list(gradient.shape)}"
            )

    def linearize(self) -> Linearization:
        if self._gradient is not None and self._product is not None:
            with torch.no_grad():
                graph, outputs = self._evaluation.run(self._forward)
            return self._linearization(_scalar(graph), self._gradient, self._product, outputs)
        if self._product is None and not self._graph_memory.exceeded:
            kept = self._with_kept_graph()
            if kept is not None:
                return kept
        with torch.enable_grad():
            graph, outputs = self._evaluation.run(self._forward)
            loss = _scalar(graph)
            gradient = self._gradient
            if gradient is None:
                parts = torch.autograd.grad(graph, self._parameters.tensors, allow_unused=True)
                gradient = self._parameters.flatten(parts)
        return self._linearization(loss, gradient, self._product or self._recomputed(), outputs)

    def loss_at(self, step: Tensor) -> float:
        with self._parameters.trial(step), torch.no_grad():
            return _scalar(self._evaluation.run(self._forward)[0])

    def spread(self, values: Sequence[float]) -> float | Tensor:
        return self._parameters.spread(values)

    def probe(self, vector: Tensor) -> tuple[float, Any, Tensor]:
        """Loss, outputs and one curvature product, from a fresh forward pass."""
        with torch.no_grad():
            outputs = self._evaluation.run(self._forward)[1]
        here = self.linearize()
        return here.loss, outputs, here.curvature(vector)

    def _with_kept_graph(self) -> Linearization | None:
        """None where the graph turns out to be too large to be kept."""
        memory = self._graph_memory
        is_due = memory.is_due()
        watches = is_due or getattr(self._curvature, "replays", False)
        watch: AbstractContextManager[SavedTensors | None] = SavedTensors() if watches else nullcontext()
        with torch.enable_grad(), watch as saved:
            graph, outputs = self._evaluation.differentiable(self._forward)
            loss = _scalar(graph)
            curvature = self._curvature(graph, outputs, self._parameters)
        if saved is not None and is_due:
            memory.measured(saved, self._parameters.device)
            if memory.exceeded:
                return None
        gradient = curvature.gradient() if self._gradient is None else self._gradient
        return self._linearization(loss, gradient, curvature, outputs)

    def _recomputed(self) -> LinearMap:
        return recomputed(
            self._curvature,
            lambda: self._evaluation.run(self._forward),
            lambda: self._evaluation.differentiable(self._forward),
            self._parameters,
        )

    def _linearization(
        self, loss: float, gradient: Tensor, product: LinearMap, outputs: Any
    ) -> Linearization:
        return Linearization(
            loss=loss,
            gradient=gradient.detach(),
            curvature=product,
            cost=1.0 if self._gradient is None else 1 / 3,
            product_cost=getattr(product, "product_cost", self._curvature.product_cost),
            entries=sum(part.numel() for part in tree_leaves(outputs) if isinstance(part, Tensor)),
            passes=(
                ForwardPass(
                    parameters=self._parameters,
                    weight=1.0,
                    run=lambda: self._evaluation.differentiable(self._forward),
                ),
            ),
        )


class BatchedObjective:
    """The function behind `HessianFree.acc_step`: a loss over a list of `(inputs, targets)` batches.

    Loss, gradient and curvature may each have a list of their own. With reduction "mean" a batch weighs as much as its
    share of all target entries, with "sum" one: then the sum over the list is the loss on the concatenated data.
    """

    def __init__(
        self,
        parameters: Parameters,
        model: Callable[[Any], Any],
        loss_function: Callable[[Any, Any], Tensor],
        curvature: CurvatureAt,
        evaluation: Evaluation,
        graph_memory: GraphMemory,
        loss_batches: Sequence[tuple[Any, Any]],
        gradient_batches: Sequence[tuple[Any, Any]] | None = None,
        product_batches: Sequence[tuple[Any, Any]] | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        """`graph_memory` bounds the graphs kept between curvature products (see AccumulatedCurvature).

        Every forward pass goes through `evaluation`, with the batch's position in its list: equal positions in the
        three lists see the same random numbers.
        """
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction must be "mean" or "sum"; got {reduction!r}')
        self._parameters, self._model, self._loss_function = parameters, model, loss_function
        self._curvature, self._evaluation, self._graph_memory = curvature, evaluation, graph_memory
        gradient_batches = loss_batches if gradient_batches is None else gradient_batches
        product_batches = loss_batches if product_batches is None else product_batches
        self._loss_is_on_gradient_data = gradient_batches is loss_batches
        self._loss_batches = _weighted(loss_batches, reduction)
        self._gradient_batches = _weighted(gradient_batches, reduction)
        self._product_batches = _weighted(product_batches, reduction)
        # Target entries for loss, gradient and products.
        self.entries = _entries(loss_batches), _entries(gradient_batches), _entries(product_batches)

    def linearize(self) -> Linearization:
        loss, gradient = 0.0, self._parameters.zeros()
        for weight, batch in self._gradient_batches:
            with torch.enable_grad():
                graph, _ = self._differentiable(batch)
                parts = torch.autograd.grad(graph, self._parameters.tensors, allow_unused=True)
            gradient.add_(self._parameters.flatten(parts), alpha=weight)
            loss += weight * _scalar(graph)
        if not self._loss_is_on_gradient_data:
            loss = self._loss()
        return Linearization(
            loss=loss,
            gradient=gradient,
            curvature=AccumulatedCurvature(
                self._curvature_on,
                self._recomputed_on,
                self._product_batches,
                memory_budget=self._graph_memory.budget(self._parameters.device),
            ),
            cost=1.0 if self._loss_is_on_gradient_data else 4 / 3,
            product_cost=self._curvature.product_cost * self.entries[2] / self.entries[1],
            entries=self.entries[1],
            passes=tuple(
                ForwardPass(
                    parameters=self._parameters, weight=weight, run=partial(self._differentiable, batch)
                )
                for weight, batch in self._product_batches
            ),
        )

    def loss_at(self, step: Tensor) -> float:
        with self._parameters.trial(step):
            return self._loss()

    def spread(self, values: Sequence[float]) -> float | Tensor:
        return self._parameters.spread(values)

    def probe(self, vector: Tensor) -> tuple[float, Any, Tensor]:
        """Loss, outputs (a list, one a batch) and one curvature product, from fresh forward passes."""
        with torch.no_grad():
            outputs = [self._run(batch)[1] for _, batch in self._loss_batches]
        here = self.linearize()
        return here.loss, outputs, here.curvature(vector)

    def _loss(self) -> float:
        with torch.no_grad():
            return sum(weight * _scalar(self._run(batch)[0]) for weight, batch in self._loss_batches)

    def _curvature_on(self, batch: _Numbered) -> LinearMap:
        with torch.enable_grad():
            return self._curvature(*self._differentiable(batch), self._parameters)

    def _recomputed_on(self, batch: _Numbered) -> LinearMap:
        return recomputed(
            self._curvature, lambda: self._run(batch), lambda: self._differentiable(batch), self._parameters
        )

    def _run(self, batch: _Numbered) -> tuple[Tensor, Any]:
        index, data = batch
        return self._evaluation.run(lambda: self._forward(data), index)

    def _differentiable(self, batch: _Numbered) -> tuple[Tensor, Any]:
        index, data = batch
        return self._evaluation.differentiable(lambda: self._forward(data), index)

    def _forward(self, data: tuple[Any, Any]) -> tuple[Tensor, Any]:
        inputs, targets = (_moved(part, self._parameters.device) for part in data)
        outputs = self._model(inputs)
        return self._loss_function(outputs, targets), outputs


def no_curvature(vector: Tensor, /) -> Tensor:
    """The `product` of a ClosureObjective whose curvature nobody asks for: its graph is not made."""
    raise AssertionError(f"nobody asks for this curvature; got a vector of {vector.numel()}")


def _weighted(batches: Sequence[tuple[Any, Any]], reduction: str) -> list[tuple[float, _Numbered]]:
    total = _entries(batches)
    return [
        (batch[1].numel() / total if reduction == "mean" else 1.0, (index, batch))
        for index, batch in enumerate(batches)
    ]


def _entries(batches: Sequence[tuple[Any, Any]]) -> int:
    """Target entries over a list of batches: what a mean is taken over, up to a factor common to all batches."""
    if not batches:
        raise ValueError("the list of batches is empty")
    total: int = sum(targets.numel() for _, targets in batches)
    if total == 0:
        raise ValueError("the batches hold no targets")
    return total


def _moved(data: Any, device: torch.device) -> Any:
    return tree_map(lambda part: part.to(device) if isinstance(part, Tensor) else part, data)


def _scalar(loss: Any) -> float:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shape = list(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ClosureError(f"the loss must be a tensor with one element; got {shape}")
    return loss.item()
