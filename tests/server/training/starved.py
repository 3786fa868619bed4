"""`python starved.py`: trains with too little memory, then with enough, a process an optimizer; prints the ends."""

import json
import multiprocessing
import resource

import psutil
import torch._dynamo  # noqa: F401  what building an optimizer imports: once, not in each process

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


def starved(optimizer, params):
    """The end of a session with too little memory, and how many of two steps come after it with enough."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + ROOM, before[1]))
    found = ending(optimizer, params)
    resource.setrlimit(resource.RLIMIT_AS, before)
    afterwards = list(Session(JobSpec(problem="rosenbrock", optimizer="hessianfree", budget={"steps": 2})))
    return found, len(afterwards)


def main():
    # A process each: what an earlier session's ruins still hold, and free later, would be room of the next one.
    forks = multiprocessing.get_context("fork")
    sessions = {name: (name, LARGE) for name in OPTIMIZERS} | {"unbuildable": ("adam", UNBUILDABLE)}
    with forks.Pool(1, maxtasksperchild=1) as processes:
        told = processes.starmap(starved, sessions.values(), chunksize=1)
    print(json.dumps(dict(zip(sessions, told, strict=True))))


if __name__ == "__main__":
    main()
