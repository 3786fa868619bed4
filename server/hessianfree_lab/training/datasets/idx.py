"""The IDX format of MNIST [LeCun, Cortes & Burges 1998]: two zeros, a type, how many sizes, the sizes, the values."""

import math
import struct

import numpy as np
import torch
from torch import Tensor

from hessianfree_lab.errors import Fault, InvalidRequest

_UNSIGNED_BYTES = 0x08
_HEADER = 4  # bytes before the sizes


def read_idx(data: bytes, name: str) -> Tensor:
    """The values, unsigned bytes, in their shape. Raises `InvalidRequest`, with `name`, for anything else."""
    if len(data) < _HEADER or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTES:
        raise InvalidRequest([Fault("problem", f"{name} is no IDX file of unsigned bytes.")])
    dimensions = data[3]
    begin = _HEADER + 4 * dimensions
    if len(data) < begin:
        raise InvalidRequest([Fault("problem", f"{name} ends within its header.")])
    shape = struct.unpack(f">{dimensions}I", data[_HEADER:begin])
    if len(data) != begin + math.prod(shape):
        told = f"{name} should hold {math.prod(shape):,} values of shape {list(shape)}, and has {len(data) - begin:,}."
        raise InvalidRequest([Fault("problem", told)])
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=begin).reshape(shape).copy())
