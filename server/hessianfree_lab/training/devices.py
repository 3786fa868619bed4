"""Devices: which there are, which one a job means, and making it repeat itself."""

import os
import platform
from contextlib import suppress
from pathlib import Path

import psutil
import torch

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Device
from hessianfree_lab.variables import GPU_MEMORY_FRACTION


def processor() -> Device:
    """The CPU with all its memory."""
    return Device(name="cpu", title=_product_name(), memory_bytes=psutil.virtual_memory().total)


def devices() -> list[Device]:
    """What torch can train on here: the CPU, then the GPUs in its order, if CUDA starts."""
    with suppress(RuntimeError):
        return [processor(), *_gpus()]
    return [processor()]


def trouble() -> str | None:
    """Why CUDA does not start where there is a GPU: a driver that is too old, broken or being exchanged."""
    try:
        _gpus()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return None


def gpu(index: int) -> Device:
    """One that torch sees."""
    properties = torch.cuda.get_device_properties(index)
    return Device(
        name=f"cuda:{index}",
        title=properties.name,
        memory_bytes=properties.total_memory,
        uuid=f"GPU-{properties.uuid}" if torch.version.cuda else None,  # others are not chosen by it
    )


def _gpus() -> list[Device]:
    if not torch.cuda.is_available():  # which, unlike the count, asks CUDA and not the driver alone
        return []
    return [gpu(index) for index in range(torch.cuda.device_count())]


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


def prepare(device: torch.device, seed: int) -> None:
    """Let this process train there: within the part of a GPU's memory that its worker leaves to it, and repeatably."""
    share = os.environ.get(GPU_MEMORY_FRACTION)
    if share and device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(float(share), device)
    _make_deterministic(seed)


def _make_deterministic(seed: int) -> None:
    """Seed torch, and have it choose repeatable kernels; where there is none it warns into the run's log.

    Also, float32 is float32: TF32, which torch uses in convolutions, has 10 bits for a fraction, and curvature products
    of that precision mislead CG.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first cuBLAS handle is made
    torch.manual_seed(seed)
    # use_deterministic_algorithms(warn_only=True), but for torch's compiler, which that imports for two seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False


def _product_name() -> str:
    """The processor's product name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
