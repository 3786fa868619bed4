"""What a worker here can train, as it announces it; `python -m hessianfree_lab.training.catalogue` prints it as JSON.

The worker's agent asks a process of its own, so that it never keeps torch in memory.
"""

import json
import os
import sys
from typing import Any

from hessianfree_lab.errors import LabError
from hessianfree_lab.training.devices import devices, trouble
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.problems import Problem, all_problems
from hessianfree_lab.training.versions import versions


def catalogue() -> dict[str, Any]:
    """Problems, optimizers, devices and versions: what an `Announcement` says beside who announces.

    Raises `LabError` for a problem of somebody's own that cannot be loaded, or announced.
    """
    return {
        "problems": [_announced(problem) for problem in all_problems().values()],
        "optimizers": [optimizer.info().model_dump(mode="json") for optimizer in OPTIMIZERS.values()],
        "devices": [device.model_dump(mode="json") for device in devices()],
        "versions": versions(),
    }


def _announced(problem: Problem) -> Any:
    try:
        return problem.info().model_dump(mode="json")
    except Exception as error:  # options that have no JSON Schema, for instance
        words = f"{type(error).__name__}: {error}"
        raise LabError(f"{problem.name!r} in {problem.place} cannot be announced: {words}") from error


def _remarks() -> list[str]:
    """Sentences for whoever started the worker."""
    why = trouble()
    return [] if why is None else [f"CUDA does not start, so that jobs train on the CPU: {why}"]


def main() -> None:
    """Print it, or `{"refused": sentence}`: alone, whatever somebody's own problems print."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        offer = catalogue() | {"remarks": _remarks()}
    except LabError as error:
        offer = {"refused": str(error)}
    with answer:
        json.dump(offer, answer)


if __name__ == "__main__":
    main()
