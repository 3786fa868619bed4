"""Joining the small products in long sums to few large ones.

A recurrent net written as a loop adds products of its own for every time step t: X_t V on the way forward, with the
same V (the change of a weight) for all t, and sum_t G_t' X_t on the way back. Either is a single matrix product.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import getitem
from typing import Any

import torch
from torch import fx

from hessianfree.curvature.recorded.recording import call, current, input_of, replace, shape

aten = torch.ops.aten

_REARRANGING = (aten.t.default, aten.reshape.default)
_FEWEST = 3  # terms worth joining: concatenation is not free

Factor = tuple[str, fx.Node]  # ("matrix" or "row", what depends on the vector)


def join_sums(graph: fx.Graph) -> None:
    """Rewrite the sums of a recording's graph in place; what nobody reads afterwards stays for others to remove."""
    _join_across(graph)
    for root, terms in _sums(graph).items():
        with graph.inserting_before(root):
            replace(root, _total(graph, _join_within(graph, terms)))


def _join_across(graph: fx.Graph) -> None:
    """X_t V + Y_t W + b with known X_t, Y_t: one product for all t, of which the sum for t takes its rows."""
    sums = _sums(graph)
    uses = Counter(factor for terms in sums.values() for factor in _shared(terms))
    alike = defaultdict(list)  # sums by the factors that they share with others
    for root, terms in sums.items():
        shared = {factor: term for factor, term in _shared(terms).items() if uses[factor] >= _FEWEST}
        if any(kind == "matrix" for kind, _ in shared):
            alike[tuple(shared)].append((root, shared))
    for factors, members in alike.items():
        if len(members) < _FEWEST:
            continue
        sizes = [shape(root)[0] for root, _ in members]
        with graph.inserting_before(members[0][0]):
            known = {
                factor: _cat(graph, [input_of(shared[factor]) for _, shared in members])
                for factor in factors
                if factor[0] == "matrix"
            }
            some = next(iter(known.values()))
            # Ones times a row are the row on every row.
            ones = call(graph, aten.new_ones.default, some, [sum(sizes), 1])
            left = _side_by_side(graph, [known.get(factor, ones) for factor in factors])
            unknown = _cat(graph, [node for _, node in factors])
            joint = call(graph, aten.mm.default, left, unknown)
            pieces = call(graph, aten.split_with_sizes.default, joint, sizes)
            rows = [call(graph, getitem, pieces, i) for i in range(len(members))]
        for (root, shared), own_rows in zip(members, rows, strict=True):
            rest = [term for term in sums[root] if term not in shared.values()]
            with graph.inserting_before(root):
                replace(root, _total(graph, [own_rows, *rest]))


def join_weight_gradients(graph: fx.Graph) -> None:
    """G'X and G'Y with known X, Y, as the gradients of two weights are: one product, and its columns."""
    alike = defaultdict(list)
    for node in graph.nodes:
        if node.target is aten.mm.default and input_of(node).target is aten.t.default:
            left, right = input_of(node, 0), input_of(node, 1)
            if left.meta["depends"] and not right.meta["depends"]:
                alike[input_of(left)].append(node)
    for members in alike.values():
        if len(members) < 2:
            continue
        with graph.inserting_before(members[0]):
            right = _side_by_side(graph, [input_of(node, 1) for node in members])
            joint = call(graph, aten.mm.default, input_of(members[0]), right)
            columns = call(
                graph, aten.split_with_sizes.default, joint, [shape(node)[1] for node in members], 1
            )
            for i, node in enumerate(members):
                replace(node, call(graph, aten.contiguous.default, call(graph, getitem, columns, i)))


def _join_within(graph: fx.Graph, terms: Sequence[fx.Node]) -> list[fx.Node]:
    """Fewer terms for the same sum."""
    groups = defaultdict(list)
    for term in terms:
        groups[_how_to_join(term)].append(term)
    joined = []
    for how, group in groups.items():
        if how is None or len(group) < _FEWEST:
            joined += group
        elif how[0] == "rearranged":  # t(a) + t(b) = t(a + b)
            inner = [part for term in group for part in _terms(input_of(term))]
            joined.append(
                call(graph, group[0].target, _total(graph, _join_within(graph, inner)), *group[0].args[1:])
            )
        elif how[0] == "product":  # A B + C D = [A C] [B; D]
            left = _side_by_side(graph, [input_of(term, 0) for term in group])
            right = _cat(graph, [input_of(term, 1) for term in group])
            joined.append(call(graph, aten.mm.default, left, right))
        else:  # column sums
            stacked = _cat(graph, [input_of(term) for term in group])
            joined.append(call(graph, group[0].target, stacked, *group[0].args[1:]))
    return joined


def _how_to_join(term: fx.Node) -> tuple[Any, ...] | None:
    if len(term.users) != 1:
        return None
    if term.target in _REARRANGING:
        return "rearranged", term.target, str(term.args[1:]), shape(input_of(term))
    if term.target is aten.mm.default and not all(factor.meta["depends"] for factor in term.all_input_nodes):
        return "product", input_of(term).meta["depends"]
    if term.target is aten.sum.dim_IntList and term.args[1:] == ([0], True) and not term.kwargs:
        return "column sums", shape(input_of(term))[1:]
    return None


def _sums(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    """The terms of every sum that depends on the vector, by the node that ends it; a lone product is a sum of one."""
    sums = {node: _terms(node) for node in graph.nodes if _is_sum(node) and not _is_inner(node)}
    inside = {term for terms in sums.values() for term in terms}
    for node in graph.nodes:
        if node.target is aten.mm.default and node.meta["depends"] and node not in inside:
            sums[node] = [node]
    order = {node: i for i, node in enumerate(graph.nodes)}
    return dict(sorted(sums.items(), key=lambda item: order[item[0]]))


def _is_sum(node: fx.Node) -> bool:
    return (
        node.target is aten.add.Tensor
        and node.meta["depends"]
        and not node.kwargs
        and all(isinstance(part, fx.Node) and shape(part) == shape(node) for part in node.args)
    )


def _is_inner(node: fx.Node) -> bool:
    return len(node.users) == 1 and _is_sum(next(iter(node.users)))


def _terms(node: fx.Node) -> list[fx.Node]:
    terms: list[fx.Node] = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if _is_sum(node) and (len(node.users) <= 1 or (not terms and not waiting)):
            waiting += [input_of(node, 0), input_of(node, 1)]
        else:
            terms.append(node)
    return terms


def _shared(terms: Iterable[fx.Node]) -> dict[Factor, fx.Node]:
    """Terms that other sums may have too but for what is known: known rows times a matrix, a row added to all rows."""
    shared: dict[Factor, fx.Node] = {}
    for term in terms:
        if term.target is aten.mm.default and len(term.users) == 1:
            known, matrix = input_of(term, 0), input_of(term, 1)
            if matrix.meta["depends"] and not known.meta["depends"]:
                shared.setdefault(("matrix", matrix), term)
        elif term.target is aten.expand.default and term.meta["depends"]:
            row = input_of(term)
            if shape(row) == (1, shape(term)[-1]):
                shared.setdefault(("row", row), term)
    return shared


def _total(graph: fx.Graph, terms: Sequence[fx.Node]) -> fx.Node:
    terms = [current(term) for term in terms]
    products = [term for term in terms if term.target is aten.mm.default and len(term.users) <= 1]
    others = [term for term in terms if term not in products] or [products.pop(0)]
    start = reduce(lambda total, term: call(graph, aten.add.Tensor, total, term), others)
    return reduce(lambda total, term: call(graph, aten.addmm.default, total, *term.args), products, start)


def _side_by_side(graph: fx.Graph, matrices: Sequence[fx.Node]) -> fx.Node:
    if all(matrix.target is aten.t.default for matrix in matrices):
        return call(graph, aten.t.default, _cat(graph, [input_of(matrix) for matrix in matrices]))
    return call(graph, aten.cat.default, list(matrices), 1)


def _cat(graph: fx.Graph, matrices: Sequence[fx.Node]) -> fx.Node:
    return call(graph, aten.cat.default, [current(matrix) for matrix in matrices])
