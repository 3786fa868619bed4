"""Devices: which there are, which one a job means, and making it repeat itself."""

import os
import platform
from pathlib import Path

import psutil
import torch

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Device


def devices() -> list[Device]:
    """What torch can train on here, the CPU first."""
    found = [Device(name="cpu", title=_processor(), memory_bytes=psutil.virtual_memory().total)]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found.append(
            Device(name=f"cuda:{index}", title=properties.name, memory_bytes=properties.total_memory)
        )
    return found


def choose(name: str) -> torch.device:
    """The device a spec's `device` means here; "auto" is a GPU where there is one. Raises `InvalidRequest`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        index = device.index or 0
        if index >= count:
            there = f"{count} CUDA device{'s' if count > 1 else ''}" if count else "no CUDA device"
            raise InvalidRequest([Fault("device", f"device = {name!r}: this worker has {there}.")])
        return torch.device("cuda", index)
    return device


def make_deterministic(seed: int) -> None:
    """Seed torch, and have it choose repeatable kernels; where there is none it warns into the run's log."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first cuBLAS handle is made
    torch.manual_seed(seed)
    # use_deterministic_algorithms(warn_only=True), but for torch's compiler, which that imports for two seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False


def _processor() -> str:
    """The processor's product name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
