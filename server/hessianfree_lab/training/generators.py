"""The random number generators that a process has, whoever draws from them."""

import random
from collections.abc import Mapping
from typing import Any

import numpy
import torch


def generators_state(device: torch.device) -> dict[str, Any]:
    """Where torch's (on the host and on `device`), Python's and numpy's own generators stand."""
    kind, key, *rest = numpy.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(numpy.asarray(key, dtype=numpy.int64)), *rest),
    }


def restore_generators(state: Mapping[str, Any], device: torch.device) -> None:
    """Put them there again. The generator of a GPU stays where it is if `state` was taken without one."""
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
    random.setstate(state["python"])
    kind, key, *rest = state["numpy"]
    numpy.random.set_state((kind, key.numpy().astype(numpy.uint32), *rest))
