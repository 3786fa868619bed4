"""The kernels behind one curvature product, written down while it runs."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary


class Unrecordable(Exception):
    """A product that cannot be replayed from its kernels; the message says why."""


class Recording:
    """A product as a graph of kernels, from `vector` and `constants` (the tensors it found elsewhere) to the result.

    The graph's placeholders are the vector and then the constants. A node that stands for a tensor has in its `meta`
    "value", the tensor without its data, and "depends": whether it depends on the vector.
    """

    def __init__(self, graph: fx.Graph, constants: list[Tensor]) -> None:
        self.graph = graph
        self.constants = constants


def call(graph: fx.Graph, kernel: Any, *arguments: Any) -> fx.Node:
    """A new node of a recording's graph, at its insertion point."""
    node = graph.call_function(kernel, arguments)
    node.meta["value"] = kernel(*fx.map_arg(arguments, lambda given: given.meta["value"]))
    node.meta["depends"] = any(given.meta["depends"] for given in node.all_input_nodes)
    return node


def input_of(node: fx.Node, position: int = 0) -> fx.Node:
    """The node that is this argument of another."""
    given = node.args[position]
    assert isinstance(given, fx.Node)
    return given


def shape(node: fx.Node) -> tuple[int, ...]:
    """Of the tensor that a node stands for."""
    return tuple(node.meta["value"].shape)


def replace(node: fx.Node, by: fx.Node) -> None:
    """Let `by` be read wherever `node` was; `current` leads from the one to the other."""
    if by is not node:
        node.replace_all_uses_with(by)
        node.meta["replaced by"] = by


def current(node: fx.Node) -> fx.Node:
    """What a node listed before rewritings has become since."""
    while "replaced by" in node.meta:
        node = node.meta["replaced by"]
    return node


def record(product: Callable[[Tensor], Tensor], vector: Tensor) -> tuple[Recording, Tensor]:
    """Run `product(vector)`; answers what it did, and its result.

    Raises:
        Unrecordable: a kernel writes into memory that others see, draws random numbers or reads values to the host, or
            the vector reaches the result by ways that no kernel shows.
    """
    recorder = _Recorder(vector)
    with recorder:
        result = product(vector)
    return recorder.finish(result), result


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, vector: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph = fx.Graph()
        # Weak, so that recording keeps no intermediate result alive for longer than the product itself does.
        self._nodes: Any = WeakTensorKeyDictionary()
        self._constants: list[Tensor] = []
        self._obstacle: str | None = None
        self._storages = {_address(vector)}  # of all that depends on the vector
        self._last_placeholder = self._graph.placeholder("vector")
        self._bind(vector, self._last_placeholder, depends=True)

    def finish(self, result: Tensor) -> Recording:
        node = self._nodes.get(result)
        if self._obstacle is None and (node is None or not node.meta["depends"]):
            self._obstacle = "the result does not depend on the vector"
        if self._obstacle is not None:
            raise Unrecordable(self._obstacle)
        self._graph.output(node)
        return Recording(self._graph, self._constants)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self._obstacle is None:
            self._obstacle = _obstacle(func)
        if func._schema.is_mutable and self._obstacle is None:
            func = self._out_of_place(func, args[0] if args else None)
        if self._obstacle is None:
            self._write(func, args, kwargs, result)
        return result

    def _out_of_place(self, kernel: Any, target: Any) -> Any:
        """The kernel that computes what this one has written into `target`, if nobody else sees that memory."""
        node = self._nodes.get(target) if isinstance(target, Tensor) else None
        own = (
            node is not None
            and node.op == "call_function"
            and sum(_address(tensor) == _address(target) for tensor in self._nodes) == 1
        )
        name = kernel._schema.name.removeprefix("aten::")
        packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
        if (
            not own
            or not name.endswith("_")
            or kernel._overloadname not in getattr(packet, "overloads", list)()
        ):
            self._obstacle = f"{kernel} writes into memory that others see"
            return None
        return getattr(packet, kernel._overloadname)

    def _write(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        node = self._graph.call_function(
            func, *(tree_map_only(Tensor, self._node_of, given) for given in (args, kwargs))
        )
        depends = node.meta["depends"] = any(given.meta["depends"] for given in node.all_input_nodes)
        if isinstance(result, Tensor):
            self._bind(result, node, depends=depends)
            return
        for i, part in enumerate(result):
            if isinstance(part, Tensor):
                self._bind(part, self._graph.call_function(operator.getitem, (node, i)), depends=depends)

    def _node_of(self, tensor: Tensor) -> fx.Node:
        node: fx.Node | None = self._nodes.get(tensor)
        if node is not None:
            return node
        if type(tensor) not in (Tensor, torch.nn.Parameter):
            self._obstacle = f"a tensor of type {type(tensor).__name__}"
        elif tensor.numel() and _address(tensor) in self._storages:
            self._obstacle = "memory that depends on the vector turns up in a tensor that no kernel made"
        with self._graph.inserting_after(self._last_placeholder):
            node = self._graph.placeholder(f"constant_{len(self._constants)}")
        self._last_placeholder = node
        self._constants.append(tensor)
        self._bind(tensor, node, depends=False)
        return node

    def _bind(self, tensor: Tensor, node: fx.Node, *, depends: bool) -> None:
        node.meta["value"] = torch.empty_strided(
            tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta"
        )
        node.meta["depends"] = depends
        self._nodes[tensor] = node
        if depends:
            self._storages.add(_address(tensor))


def _obstacle(kernel: Any) -> str | None:
    if torch.Tag.nondeterministic_seeded in kernel.tags:
        return f"{kernel} draws random numbers"
    if torch.Tag.data_dependent_output in kernel.tags or torch.Tag.dynamic_output_shape in kernel.tags:
        return f"{kernel} reads values to the host"
    return None


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
