"""Less to do in convolutional nets: biases within the convolution, activations where pooling has left few entries."""

from typing import Any, TypeGuard

import torch
from torch import fx

from hessianfree.curvature.recorded.recording import call, input_of, replace, shape

aten = torch.ops.aten

# (g, known, ...) -> g times a number that each entry of `known` gives.
_ACTIVATIONS = (
    aten.threshold_backward.default,
    aten.tanh_backward.default,
    aten.sigmoid_backward.default,
)


def simplify_planes(graph: fx.Graph) -> None:
    """Rewrite a recording's graph in place; what nobody reads afterwards stays for others to remove."""
    for node in graph.nodes:
        if not node.meta.get("depends"):
            continue
        with graph.inserting_before(node):
            better = _bias_within(graph, node) or _pooled_first(graph, node) or _spread_last(graph, node)
        if better is not None:
            replace(node, better)


def _bias_within(graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    """conv(x, V) + b -> conv(x, V, b)."""
    if node.target is not aten.add.Tensor or node.kwargs:
        return None
    for bias, convolution in (node.args, node.args[::-1]):
        if (
            _is(convolution, aten.convolution.default)
            and len(convolution.users) == 1
            and convolution.args[2] is None
            and _is(bias, aten.expand.default)
            and shape(input_of(bias)) == (1, shape(node)[1], *[1] * (len(shape(node)) - 2))
        ):
            entries = call(graph, aten.reshape.default, input_of(bias), [shape(node)[1]])
            return call(graph, convolution.target, *convolution.args[:2], entries, *convolution.args[3:])
    return None


def _pooled_first(graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    """The tangent of max pooling, gather(activation(g)) -> activation(gather(g)): on a quarter of the entries, say."""
    if node.target is not aten.gather.default:
        return None
    flat, dim, index = node.args[:3]
    if (
        not _is(flat, aten.reshape.default)
        or len(flat.users) != 1
        or not _is_activation(input_of(flat))
        or not _is_known(index)
    ):
        return None
    activation = input_of(flat)
    change, known = (
        call(
            graph,
            aten.gather.default,
            call(graph, aten.reshape.default, given, list(shape(flat))),
            dim,
            index,
        )
        for given in (input_of(activation, 0), input_of(activation, 1))
    )
    return call(graph, activation.target, change, known, *activation.args[2:])


def _spread_last(graph: fx.Graph, node: fx.Node) -> fx.Node | None:
    """The gradient of max pooling, activation(spread(g)) -> spread(activation(g))."""
    if not _is_activation(node, users=None):
        return None
    spread = input_of(node, 0)
    if not _is(spread, aten.max_pool2d_with_indices_backward.default) or len(spread.users) != 1:
        return None
    pooled, index = input_of(spread, 0), input_of(spread, len(spread.args) - 1)
    if len(shape(pooled)) != 4 or not _is_known(index):
        return None
    planes = [*shape(pooled)[:2], -1]
    flat, places = (call(graph, aten.reshape.default, given, planes) for given in (input_of(node, 1), index))
    known = call(
        graph, aten.reshape.default, call(graph, aten.gather.default, flat, -1, places), list(shape(pooled))
    )
    active = call(graph, node.target, pooled, known, *node.args[2:])
    return call(graph, spread.target, active, *spread.args[1:])


def _is(node: Any, *kernels: Any) -> TypeGuard[fx.Node]:
    return isinstance(node, fx.Node) and node.target in kernels


def _is_known(node: Any) -> TypeGuard[fx.Node]:
    return isinstance(node, fx.Node) and not node.meta["depends"]


def _is_activation(node: fx.Node, users: int | None = 1) -> bool:
    return (
        node.target in _ACTIVATIONS
        and not node.kwargs
        and _is_known(node.args[1])
        and shape(node) == shape(input_of(node, 1))
        and users in (None, len(node.users))
    )
