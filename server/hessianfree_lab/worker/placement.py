"""Where a job trains: its device, and its share of the machine."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence

from hessianfree_lab.records import Assignment, Device


def placed(assignment: Assignment, devices: Sequence[Device], others: Iterable[Assignment]) -> Assignment:
    """The assignment with the GPU that the fewest `others` train on, where it leaves the choice to the worker."""
    gpus = [device.name for device in devices if device.name.startswith("cuda")]
    if len(gpus) < 2 or assignment.spec.device not in ("auto", "cuda"):
        return assignment
    busy = Counter(other.spec.device for other in others)
    spec = assignment.spec.model_copy(update={"device": min(gpus, key=lambda name: busy[name])})
    return assignment.model_copy(update={"spec": spec})


def job_environment(slots: int) -> dict[str, str]:
    """Environment variables of a job: without the server's token, and with its share of the processor."""
    secret = ("HESSIANFREE_TOKEN", "HESSIANFREE_TOKEN_FILE")
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    environment["PYTHONUNBUFFERED"] = "1"  # what it printed before it was killed is in its log
    if slots > 1:
        share = max((os.cpu_count() or 1) // slots, 1)
        environment.setdefault("OMP_NUM_THREADS", str(share))
    return environment
