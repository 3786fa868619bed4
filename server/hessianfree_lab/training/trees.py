"""Nested dicts, lists, tuples, scalars and tensors as plain JSON and a flat dict of tensors, and back.

What JSON has no word for is an object with one key that begins with "$":

    {"$tensor": name, "strides": [...]}    a tensor; strides where it does not lie in the order of its indices
    {"$float": "NaN"}                      a float that is not finite, as `records.encode` writes it
    {"$tuple": [...]}
    {"$dict": [[key, value], ...]}         a dict whose keys are not all strings, or begin with "$"
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hessianfree_lab.records import decode, encode

_PLAIN = {int, str, bool, type(None)}


def flattened(tree: Any) -> tuple[Any, dict[str, Tensor]]:
    """What `json.dumps` takes, and copies of the tensors on the host, by name.

    Raises TypeError, with its place in the tree, for anything else: what is not plain data could not be loaded safely.
    """
    tensors: dict[str, Tensor] = {}
    return _flattened(tree, "", tensors), tensors


def restored(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree again, with copies of the tensors. Raises KeyError, TypeError or ValueError where it is not one."""
    if isinstance(plain, list):
        return [restored(item, tensors) for item in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"$tensor": name, **rest}:
            return _laid_out(tensors[name], rest.get("strides"))
        case {"$float": text}:
            return float(decode(text))
        case {"$tuple": items}:
            return tuple(restored(item, tensors) for item in items)
        case {"$dict": pairs}:
            return {restored(key, tensors): restored(value, tensors) for key, value in pairs}
    for key in plain:
        if key.startswith("$"):
            raise ValueError(f"{key!r} is no kind of value; there are $tensor, $float, $tuple and $dict")
    return {key: restored(value, tensors) for key, value in plain.items()}


def _flattened(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return _stored(tree, path, tensors)
    if tree is None or isinstance(tree, bool | int | str):
        return tree
    if isinstance(tree, float):
        plain = encode(tree)
        return plain if isinstance(plain, float) else {"$float": plain}
    if isinstance(tree, list | tuple):
        if _is_plain(tree):
            items = list(tree)
        else:
            items = [_flattened(item, f"{path}.{index}", tensors) for index, item in enumerate(tree)]
        return items if isinstance(tree, list) else {"$tuple": items}
    if isinstance(tree, Mapping):
        pairs = [
            [_flattened(key, path, tensors), _flattened(value, f"{path}.{key}", tensors)]
            for key, value in tree.items()
        ]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
            return dict(pairs)
        return {"$dict": pairs}
    raise TypeError(
        f"state{path} is a {type(tree).__name__}; a checkpoint holds tensors, numbers, strings, None, lists, tuples "
        "and dicts"
    )


def _is_plain(items: Sequence[Any]) -> bool:
    """Whether JSON takes them as they are. Seen without a loop of Python's: a history has an entry a step."""
    kinds = set(map(type, items))
    return kinds <= _PLAIN or (kinds == {float} and all(map(math.isfinite, items)))


def _stored(tensor: Tensor, path: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    copy = tensor.detach().to("cpu", copy=True)
    name = f"{len(tensors)}{path}"  # numbered: paths alone could collide
    tensors[name] = copy.contiguous()
    # Kernels add up in another order where memory is laid out otherwise: a factor of a decomposition lies by columns.
    usual = torch.empty(copy.shape, device="meta").stride()
    return {"$tensor": name} if copy.stride() == usual else {"$tensor": name, "strides": list(copy.stride())}


def _laid_out(tensor: Tensor, strides: list[int] | None) -> Tensor:
    """A copy, also so that it is aligned as torch aligns its own: a file's bytes are not."""
    if strides is None:
        return tensor.clone()
    return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)
