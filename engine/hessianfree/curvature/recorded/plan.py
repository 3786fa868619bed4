"""A recorded product as two functions: what is the same for every vector, computed once, and the rest."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from hessianfree.curvature.recorded.planes import simplify_planes
from hessianfree.curvature.recorded.recording import Recording, input_of, replace, shape
from hessianfree.curvature.recorded.sums import join_sums, join_weight_gradients

aten = torch.ops.aten

_PASS_ON = (aten.detach.default, aten.alias.default)
_VIEWS = (aten.view.default, aten._unsafe_view.default)


class Plan:
    """Makes products like the recorded one from constants like the recorded ones.

    Double backward leaves undone what a recording shows: results that nobody reads (half of all convolutions), the same
    transposition at every time step, and the small products that `join_sums` joins.
    """

    def __init__(self, recording: Recording) -> None:
        """Takes the recording's graph over; `used` are the numbers of the constants that are still needed."""
        graph = recording.graph
        _relax_views(graph)
        _remove_repetition(graph)
        for rewrite in (join_sums, join_weight_gradients, simplify_planes):
            rewrite(graph)
            _remove_repetition(graph)
        vector, *constants = (node for node in graph.nodes if node.op == "placeholder")
        self.used = [i for i, constant in enumerate(constants) if constant.users]
        used = [constants[i] for i in self.used]
        dependent = [node for node in graph.nodes if node.op == "call_function" and node.meta["depends"]]
        known = list(
            dict.fromkeys(
                given for node in dependent for given in node.all_input_nodes if not given.meta["depends"]
            )
        )
        fixed = [node for node in graph.nodes if node.op == "call_function" and not node.meta["depends"]]
        (result,) = next(node for node in graph.nodes if node.op == "output").all_input_nodes
        self._prepare = _function(used, fixed, tuple(known))
        self._multiply = _function([vector, *known], dependent, result)

    @torch.no_grad()
    def product(self, constants: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
        """v -> product, for these `constants`: those that `used` names."""
        known = self._prepare(*constants)
        multiply = self._multiply

        def product(vector: Tensor) -> Tensor:
            with torch.no_grad():
                result: Tensor = multiply(vector, *known)
            return result

        return product


def _function(inputs: Sequence[fx.Node], body: Sequence[fx.Node], output: Any) -> Callable[..., Any]:
    """The nodes of `body` as a Python function of `inputs`, which forgets each value after its last use."""
    graph = fx.Graph()
    copies = {node: graph.placeholder(f"input_{i}") for i, node in enumerate(inputs)}
    for node in body:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(fx.map_arg(output, copies.__getitem__))
    graph.eliminate_dead_code()
    return fx.GraphModule(torch.nn.Module(), graph).forward


def _relax_views(graph: fx.Graph) -> None:
    """Let views be copies where a rewriting gives what they look at another layout."""
    for node in graph.nodes:
        if node.target in _VIEWS:
            node.target = aten.reshape.default


def _remove_repetition(graph: fx.Graph) -> None:
    """Drop what passes its input on, compute equal things once, and nothing that nobody reads.

    What does not depend on the vector comes first, so that rewritings may read it anywhere.
    """
    graph.eliminate_dead_code()
    calls = [node for node in graph.nodes if node.op == "call_function"]
    dependent = next((node for node in calls if node.meta["depends"]), None)
    for node in calls:
        if dependent is not None and not node.meta["depends"]:
            dependent.prepend(node)
    seen: dict[Any, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "call_function":
            same = _passed_on(node) or seen.setdefault(_key((node.target, node.args, node.kwargs)), node)
            if same is not node:
                replace(node, same)
    graph.eliminate_dead_code()


def _passed_on(node: fx.Node) -> fx.Node | None:
    """The node whose value this one passes on, if it does no more."""
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return None
    if node.target in _PASS_ON:
        return source
    if node.target in (aten.reshape.default, aten.expand.default) and shape(node) == shape(source):
        return source
    if node.target is aten.add.Tensor and _is_zero(node.args[1]) and shape(node) == shape(source):
        return source
    if node.target is aten.t.default and source.target is aten.t.default:
        return input_of(source)
    return None


def _is_zero(value: Any) -> bool:
    return isinstance(value, fx.Node) and value.target is aten.zeros_like.default


def _key(value: Any) -> Any:
    """Hashable, and equal for equal arguments of one type: 1 is not 1.0, nor True."""
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    if isinstance(value, dict):
        return tuple((name, _key(part)) for name, part in value.items())
    return type(value), value
