"""Memory that ran out, in a sentence: where, how much was asked for, how much there was, and what needs less."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from hessianfree_lab.records import JobSpec

# What has no exception of its own: torch's allocator on the CPU, and CUDA's libraries when they make their workspaces.
SIGNS = (
    "can't allocate memory",
    "out of memory",
    "cannot allocate memory",
    "status_alloc_failed",
    "memoryerror",  # of another rank, as that rank named it
    "outofmemoryerror",
)

_ASKED_OF_GPU = re.compile(r"Tried to allocate (\d+(?:\.\d+)? [KMG]iB|\d+ bytes)")
_ASKED_OF_CPU = re.compile(r"tried to allocate (\d+) bytes")


@dataclass(frozen=True, kw_only=True)
class GpuMemory:
    """The memory of this process's GPU when it ran out, in bytes; `allowed`: what this process may take."""

    title: str
    total: int
    allowed: int
    own: int
    others: int


def is_shortage(error: BaseException) -> bool:
    """Whether memory was what an exception was about."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")  # not imported here: the agent does without
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def sentence(said: str, memory: GpuMemory | None, spec: JobSpec | None) -> str:
    """`said` is the first line of the exception; `memory` None: it was not a GPU's, or cannot be told."""
    if memory is None:
        of_cpu = _ASKED_OF_CPU.search(said)
        where = f"{_told(int(of_cpu[1]))} was asked for, more than there is." if of_cpu else said
    else:
        of_gpu = _ASKED_OF_GPU.search(said)
        parts = [f"{of_gpu[1] if of_gpu else 'more memory'} was asked for on {memory.title}"]
        if memory.allowed < memory.total:
            parts.append(f"this process holds {_told(memory.own)} of the {_told(memory.allowed)} it may take")
        else:
            parts.append(f"this process holds {_told(memory.own)}")
        parts.append(
            f"other programs and CUDA hold {_told(memory.others)} of the GPU's {_told(memory.total)}"
        )
        where = "; ".join(parts) + "."
    return " ".join([f"Out of memory: {where}", *_advice(memory, spec)])


def gpu_memory(error: BaseException) -> GpuMemory | None:
    """As it is now; None where the shortage is not one of this process's GPU, or CUDA does not answer any more."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    # Neither the host's nor, in the words of another rank, that one's.
    if not isinstance(error, torch.OutOfMemoryError) and not str(error).lower().startswith("cu"):
        return None
    try:
        free, total = torch.cuda.mem_get_info()
        own = torch.cuda.memory_reserved()
        return GpuMemory(
            title=torch.cuda.get_device_name(),
            total=total,
            allowed=int(total * torch.cuda.get_per_process_memory_fraction()),
            own=own,
            others=max(total - free - own, 0),
        )
    except RuntimeError:
        return None


def _advice(memory: GpuMemory | None, spec: JobSpec | None) -> Iterator[str]:
    """What the user can change, of what this job has."""
    params = {} if spec is None else spec.problem_params
    if "batch_size" in params:
        size = params["batch_size"]
        yield f"A smaller problem_params.batch_size ({'all cases' if size is None else size} now) needs less."
    elif spec is not None:
        yield "A smaller model, or fewer data, need less."
    if memory is None:
        return
    if memory.allowed < memory.total:
        yield "The worker gives a job more with a larger --gpu-memory-fraction, or fewer --jobs-per-gpu."
    elif memory.others > memory.own:
        yield "A worker with --skip-busy-gpus leaves GPUs alone that others use."


def _told(size: int) -> str:
    if size < 2**20:
        return f"{size / 2**10:.0f} KiB"
    return f"{size / 2**20:.0f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"
