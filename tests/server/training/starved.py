"""`python starved.py`: trains with too little memory, each optimizer in turn, then with enough; prints the ends."""

import json
import resource

import psutil

from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.session import Session
from hessianfree_lab.worker.ending import of_exception

ROOM = 100 * 2**20  # bytes beyond what the process has
LARGE = {
    "cases": 1000,
    "held_out_cases": 10,
    "length": 300,
}  # the first thing that its forward pass keeps is larger
UNBUILDABLE = {"cases": 100_000, "length": 2000}


def ending(optimizer, params):
    """How far a session comes, and the cause of its end."""
    steps = None
    try:
        if optimizer == "hessianfree-growing":
            params = params | {"batch_size": params["cases"] - 1}
        session = Session(JobSpec(problem="addition", problem_params=params, optimizer=optimizer))
        steps = 0
        for _ in session:
            steps += 1
    except Exception as error:
        finish = of_exception(1, error)
        return steps, finish.cause, finish.error.splitlines()[0]
    return steps, None, ""


def main():
    before = resource.getrlimit(resource.RLIMIT_AS)
    found = {}
    for name in OPTIMIZERS:
        limit = psutil.Process().memory_info().vms + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
        found[name] = ending(name, LARGE)
    found["unbuildable"] = ending("adam", UNBUILDABLE)
    resource.setrlimit(resource.RLIMIT_AS, before)
    steps = list(Session(JobSpec(problem="rosenbrock", optimizer="hessianfree", budget={"steps": 2})))
    print(json.dumps({"found": found, "afterwards": len(steps)}))


if __name__ == "__main__":
    main()
