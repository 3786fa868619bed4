"""A sweep that has been run, by a worker that makes up how its trials end."""

import math

from hessianfree_lab.client import Client
from hessianfree_lab.records import FinishRequest, IngestBatch
from server.makers import announcement
from system.launch import wait_until

TRIALS = 24
SPEC = {
    "name": "damping and length of the inner solve",
    "base": {"problem": "bowl", "budget": {"steps": 20}},
    "search": {
        "method": "random",
        "trials": TRIALS,
        "space": {
            "optimizer_params.damping": {"low": 1e-3, "high": 10.0, "log": True},
            "optimizer_params.cg_max_iter": {"low": 10, "high": 200, "step": 10},
        },
    },
    "objective": {"metric": "loss", "at": "best"},
    "parallel": 4,
}  # fmt: skip


def swept(url: str) -> str:
    """The id of a sweep at `url` that has ended: 24 trials, one of which diverged."""
    with Client(url) as client:
        worker = client.register(announcement()).id
        sweep = client.sweeps.submit(SPEC).id
        ended = 0
        while ended < TRIALS:
            assignment = client.claim(worker, wait_seconds=5.0)
            if assignment is None:
                continue
            params = client.run(assignment.run).spec["optimizer_params"]
            # Best near a damping of 0.1 and 120 iterations.
            worth = 0.2 + abs(math.log10(params["damping"]) + 1) + abs(params["cg_max_iter"] - 120) / 200
            losses = [worth + 3 * 0.7**step for step in range(20)]
            rows = [
                {"step": step, "seconds": step / 10, "loss": loss}
                for step, loss in enumerate(losses, start=1)
            ]
            client.send(assignment.run, IngestBatch.model_validate({"attempt": 1, "steps": rows}))
            diverged = ended == TRIALS // 2
            end = {"state": "failed", "cause": "diverged"} if diverged else {"state": "completed"}
            client.finish(assignment.run, FinishRequest.model_validate({"attempt": 1} | end))
            ended += 1
        wait_until(lambda: client.sweeps.get(sweep).state != "running", seconds=30, what="the sweep ends")
        return sweep
