"""How an attempt ended, put into words: from the exception that ended it, or from the way its process died."""

import signal
import traceback
from pathlib import Path
from typing import Literal

from hessianfree_lab.errors import InvalidRequest, LabError, StorageDenied
from hessianfree_lab.records import FinishRequest, JobSpec
from hessianfree_lab.training.errors import Diverged
from hessianfree_lab.worker.shortage import gpu_memory, is_shortage, sentence

MAX_ERROR = 20_000  # characters that the server takes

Cause = Literal["error", "diverged", "out_of_memory", "killed", "device", "storage", "lost", "invalid"]

# Signals by which a process ends itself, of a fault in its code; all others come from outside.
CRASHES = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSYS,
        signal.SIGTRAP,
    }
)

# What CUDA says when the fault is not in the kernels of a job; an illegal address, say, is.
DEVICE_FAULTS = (
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
    "hardware stack error",
    "unknown error",
    "no cuda gpus are available",
    "no cuda-capable device is detected",
    "busy or unavailable",
    "gpu is lost",
    "system not yet initialized",
)

OUT_OF_MEMORY_CODE = 12
"""The exit code of another process of the job for want of memory."""


def failed(attempt: int, cause: Cause, sentence: str, detail: str = "") -> FinishRequest:
    """A failed attempt; of a long detail (a traceback) the end is kept, which says most."""
    room = MAX_ERROR - len(sentence) - 2
    text = f"{sentence}\n\n{detail[-room:]}" if detail and room > 0 else sentence[:MAX_ERROR]
    return FinishRequest(attempt=attempt, state="failed", cause=cause, error=text)


def of_exception(attempt: int, error: BaseException, spec: JobSpec | None = None) -> FinishRequest:
    """The ending of an attempt whose job, of this `spec`, raised `error`."""
    if isinstance(error, InvalidRequest):
        return failed(attempt, "invalid", str(error))
    if isinstance(error, Diverged):
        return failed(attempt, "diverged", str(error))
    if isinstance(error, StorageDenied):
        return failed(attempt, "storage", str(error))
    detail = _traceback_of(error)
    if is_shortage(error):
        return failed(attempt, "out_of_memory", sentence(_first_line(error), gpu_memory(error), spec), detail)
    if is_of_device(error):
        text = f"The GPU failed: {_first_line(error)}"
        return FinishRequest(attempt=attempt, state="interrupted", cause="device", error=text[:MAX_ERROR])
    if isinstance(error, LabError):
        return failed(attempt, "error", str(error), detail)
    return failed(attempt, "error", f"{type(error).__name__}: {_first_line(error)}", detail)


def of_exit(attempt: int, code: int, *, killed_for_memory: bool) -> FinishRequest:
    """The ending of an attempt whose process died without a word; `code` is negative for a signal."""
    if code == OUT_OF_MEMORY_CODE:
        return failed(
            attempt, "out_of_memory", "Out of memory: in another process of this job; its log says where."
        )
    if code >= 0:
        text = f"The job's process ended by itself with exit code {code}; its log may say why."
        return failed(attempt, "error", text)
    number = signal.Signals(-code)
    name = number.name
    if killed_for_memory and number is signal.SIGKILL:
        text = f"The job's process was killed by the system ({name}) because memory ran out."
        return failed(attempt, "out_of_memory", text)
    if number in CRASHES:
        return failed(attempt, "error", f"The job's process crashed ({name}); its log may say where.")
    # From outside: training itself never ends so, and may well go through next time.
    text = f"The job's process was killed by {name}."
    return FinishRequest(attempt=attempt, state="interrupted", cause="killed", error=text)


def is_of_device(error: BaseException) -> bool:
    """Whether it is the GPU, and not what was computed on it, that has failed."""
    text = str(error).lower()
    return (
        isinstance(error, RuntimeError) and "cuda" in text and any(fault in text for fault in DEVICE_FAULTS)
    )


def memory_kills() -> int:
    """How often the kernel killed for memory in this process's control group, or on the machine; 0: it does not say."""
    for path in ("/sys/fs/cgroup/memory.events", "/proc/vmstat"):
        try:
            lines = Path(path).read_text().splitlines()
        except OSError:
            continue
        counts = dict(line.split(maxsplit=1) for line in lines)
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return 0


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except MemoryError:
        return "No memory was left for the traceback."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no further word"
