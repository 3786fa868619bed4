"""What the processor of this machine is busy with; its GPUs: gpus.py."""

import psutil

from hessianfree_lab.records import DeviceLoad

_LOOK_SECONDS = 1.0


def processor_load() -> DeviceLoad:
    """Memory, and utilisation over a second, for which this waits."""
    memory = psutil.virtual_memory()
    return DeviceLoad(
        device="cpu",
        memory_used_bytes=memory.total - memory.available,
        memory_total_bytes=memory.total,
        utilisation=min(psutil.cpu_percent(_LOOK_SECONDS) / 100, 1.0),
    )
