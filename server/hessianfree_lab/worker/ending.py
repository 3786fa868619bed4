"""How an attempt ended, put into words: from the exception that ended it, or from the way its process died."""

import signal
import sys
import traceback
from pathlib import Path
from typing import Literal

from hessianfree_lab.errors import InvalidRequest, LabError
from hessianfree_lab.records import FinishRequest
from hessianfree_lab.training.errors import Diverged

MAX_ERROR = 20_000  # characters that the server takes

Cause = Literal["error", "diverged", "out_of_memory", "lost", "invalid"]

# torch's allocator on the CPU has no exception of its own.
ALLOCATION_FAILURES = ("can't allocate memory", "out of memory", "cannot allocate memory")


def failed(attempt: int, cause: Cause, sentence: str, detail: str = "") -> FinishRequest:
    """A failed attempt; of a long detail (a traceback) the end is kept, which says most."""
    room = MAX_ERROR - len(sentence) - 2
    text = f"{sentence}\n\n{detail[-room:]}" if detail and room > 0 else sentence[:MAX_ERROR]
    return FinishRequest(attempt=attempt, state="failed", cause=cause, error=text)


def of_exception(attempt: int, error: Exception) -> FinishRequest:
    """The ending of an attempt whose job raised `error`."""
    if isinstance(error, InvalidRequest):
        return failed(attempt, "invalid", str(error))
    if isinstance(error, Diverged):
        return failed(attempt, "diverged", str(error))
    detail = _traceback_of(error)
    if is_out_of_memory(error):
        return failed(attempt, "out_of_memory", f"Out of memory: {_first_line(error)}", detail)
    if isinstance(error, LabError):
        return failed(attempt, "error", str(error), detail)
    return failed(attempt, "error", f"{type(error).__name__}: {_first_line(error)}", detail)


def of_exit(attempt: int, code: int, *, killed_for_memory: bool) -> FinishRequest:
    """The ending of an attempt whose process died without a word; `code` is negative for a signal."""
    if code >= 0:
        text = f"The job's process ended by itself with exit code {code}; its log may say why."
        return failed(attempt, "error", text)
    name = signal.Signals(-code).name
    if killed_for_memory:
        text = f"The job's process was killed by the system ({name}) because memory ran out."
        return failed(attempt, "out_of_memory", text)
    text = f"The job's process was killed by {name}."
    if -code == signal.SIGKILL:
        # From outside: training itself never ends so, and may well go through next time.
        return FinishRequest(attempt=attempt, state="interrupted", error=text)
    return failed(attempt, "error", text)


def is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")  # not imported here: the agent does without
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in ALLOCATION_FAILURES)


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


def _traceback_of(error: Exception) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except MemoryError:
        return "No memory was left for the traceback."


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no further word"
