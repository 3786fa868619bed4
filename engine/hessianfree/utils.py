"""Small helpers: flat vectors to parameters, angles, and the process's memory."""

import math
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from warnings import warn

import torch
from torch import Tensor


def vector_to_trainparams(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a [P] vector into the trainable ones among `parameters`, in place.

    Raises:
        TypeError: `vec` is not a tensor.
    """
    trainable = [p for p in parameters if p.requires_grad]
    with torch.no_grad():
        for p, part in zip(trainable, vector_to_parameter_list(vec, trainable), strict=True):
            p.copy_(part)


def vector_to_parameter_list(vec: Tensor, parameters: Iterable[Tensor]) -> list[Tensor]:
    """Views of a vector, shaped like `parameters`; nothing is changed. Entries left over warn.

    Raises:
        TypeError: `vec` is not a tensor.
        ValueError: it is too short.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vec must be a torch.Tensor; got {type(vec).__name__}")
    views = []
    used = 0
    for p in parameters:
        if used + p.numel() > vec.numel():
            raise ValueError(f"vec has {vec.numel()} entries, fewer than the parameters")
        views.append(vec[used : used + p.numel()].view(p.shape))
        used += p.numel()
    if used < vec.numel():
        warn(f"{vec.numel() - used} of the vector's {vec.numel()} entries were not used", stacklevel=2)
    return views


def angle(product: float, norms: float) -> float | None:
    """Degrees between two vectors of this inner product and product of norms; None where one of them is zero."""
    if norms == 0:
        return None
    # Rounding takes the cosine of parallel vectors beyond 1.
    cosine = product / norms
    return math.degrees(math.acos(math.copysign(1.0, cosine) if abs(cosine) > 1 else cosine))


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory in use so far: of torch on a CUDA device, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory_bytes(device: torch.device) -> int:
    """All the memory of a CUDA device that this process may take; else of the machine, or its container's if less."""
    if device.type == "cuda":
        share = torch.cuda.get_per_process_memory_fraction(device)
        return int(share * torch.cuda.get_device_properties(device).total_memory)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:  # no control groups here
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine
