"""Walks through autograd's graph."""

from collections.abc import Container, Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node

Edge = tuple[Node, int]
"""A node and the number of the output meant: where the gradient of one tensor arrives."""


def edge_of(tensor: Tensor) -> Edge:
    """Where the gradient of `tensor` (it requires one) arrives; of a leaf, the node that accumulates it."""
    node, output = torch.autograd.graph.get_gradient_edge(tensor)[:2]
    return node, output


def nodes_below(root: Tensor) -> set[Node]:
    """The nodes of the graph of `root`; empty without a graph."""
    return {node for node, _ in edges_below(root)}


def edges_below(root: Tensor, stops: Container[Edge] = ()) -> Iterator[Edge]:
    """The edges of the graph of `root`, each once, going past none of `stops`; empty without a graph."""
    pending = [edge_of(root)] if root.requires_grad else []
    seen: set[Edge] = (
        set()
    )  # also keeps the nodes' Python objects alive: edges are compared by their identity
    while pending:
        edge = pending.pop()
        if edge in seen:
            continue
        seen.add(edge)
        yield edge
        if edge not in stops:
            pending.extend((node, output) for node, output in edge[0].next_functions if node is not None)
