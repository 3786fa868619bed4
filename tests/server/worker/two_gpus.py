"""`python two_gpus.py URL NAME FOLDER`: a worker that believes to have two GPUs, half of whose memory it lends."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from hessianfree_lab.worker.agent import Agent
from hessianfree_lab.worker.executors.local import LocalExecutor
from hessianfree_lab.worker.nvml import Nvml
from hessianfree_lab.worker.placement import Sharing
from server.makers import announcement
from server.worker.drivers import GIB, Card, Driver


def offered():
    """What training would say of itself."""
    told = announcement().model_dump(mode="json", include={"problems", "optimizers", "versions"})
    cards = [
        {"name": f"cuda:{n}", "title": "A card", "memory_bytes": 80 * GIB, "uuid": f"GPU-{uuid}"}
        for n, uuid in enumerate("ab")
    ]
    return told | {"devices": [{"name": "cpu"}, *cards], "remarks": []}


if __name__ == "__main__":
    url, name, folder = sys.argv[1:]
    executor = LocalExecutor(
        sharing=Sharing(memory_fraction=0.5),
        nvml=Nvml(Driver([Card("GPU-b", used=3 * GIB, percent=50), Card("GPU-a")])),
        training=offered,
    )
    Agent(url, name=name, data_dir=folder, executor=executor).run()
