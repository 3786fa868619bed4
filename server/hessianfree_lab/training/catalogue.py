"""What a worker here can train, as it announces it; `python -m hessianfree_lab.training.catalogue` prints it as JSON.

The worker's agent asks a process of its own, so that it never keeps torch in memory.
"""

import json
import sys
from typing import Any

from hessianfree_lab.training.devices import devices
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.versions import versions


def catalogue() -> dict[str, Any]:
    """Problems, optimizers, devices and versions: what an `Announcement` says beside who announces."""
    return {
        "problems": [problem.info().model_dump(mode="json") for problem in PROBLEMS.values()],
        "optimizers": [optimizer.info().model_dump(mode="json") for optimizer in OPTIMIZERS.values()],
        "devices": [device.model_dump(mode="json") for device in devices()],
        "versions": versions(),
    }


if __name__ == "__main__":
    json.dump(catalogue(), sys.stdout)
