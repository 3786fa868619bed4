"""Ranks of a process group: processes of their own, that call what a test asks them to."""

import multiprocessing
import os
import pickle
import socket
from contextlib import suppress
from datetime import timedelta
from functools import partial

import torch
import torch.distributed as dist

LOADED = ["hessianfree", "torch._dynamo", "torch._decomp.decompositions_for_jvp"]
"""Modules; the last two are loaded by torch with a first step, which takes a second."""

LOST = "lost"
"""What a rank answers that has died."""


def forked():
    """Makes processes that are forked off one which has loaded what they need, and used none of it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def launched(script, size, *, timeout=120.0):
    """The parameters of `model` that a script ends with in each of the processes that torchrun would start."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = forked()
    answers = context.SimpleQueue()
    processes = [
        context.Process(target=_launched, args=(script, rank, size, port, answers)) for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout)
        process.kill()
    assert [process.exitcode for process in processes] == [0] * size
    return [answers.get() for _ in processes]


def _launched(script, rank, size, port, answers):
    told = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": size,
        "LOCAL_WORLD_SIZE": size,
        "MASTER_PORT": port,
    }
    os.environ |= {name: str(value) for name, value in told.items()} | {"MASTER_ADDR": "127.0.0.1"}
    torch.set_num_threads(1)
    names = {}
    exec(script, names)
    answers.put([parameter.tolist() for parameter in names["model"].parameters()])


class Crew:
    """`size` processes with a gloo group among them, `timeout` seconds of patience; torch runs on one thread each."""

    def __init__(self, size, folder, *, timeout=60.0):
        context = forked()
        self._pipes, self._processes = [], []
        for rank in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, rank, size, str(folder / "store"), timeout), daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __call__(self, function, *arguments, **named):
        """What `function(group, *arguments)` answers on each rank; an exception where it raised, LOST where it died."""
        for pipe in self._pipes:
            with suppress(BrokenPipeError):
                pipe.send(partial(function, *arguments, **named))
        return [self._answer(pipe) for pipe in self._pipes]

    def close(self):
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(30)
            process.kill()

    def _answer(self, pipe):
        try:
            return pipe.recv()
        except (EOFError, ConnectionResetError):
            return LOST


def _serve(pipe, rank, size, store, timeout):
    torch.set_num_threads(1)
    patience = timedelta(seconds=timeout)
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=patience
    )
    pair = dist.new_group([0, 1], timeout=patience)
    for group in (dist.group.WORLD, pair)[: 2 if rank < 2 else 1]:  # all are there before patience counts
        dist.all_reduce(torch.zeros(1), group=group)
    while True:
        try:
            call = pipe.recv()
        except EOFError:
            break
        try:
            answer = call(group=dist.group.WORLD, pair=pair)
        except Exception as error:
            answer = error
        try:
            pickle.dumps(answer)
        except Exception:
            answer = RuntimeError(repr(answer))
        pipe.send(answer)
    os._exit(0)  # taking torch down in order would take seconds
