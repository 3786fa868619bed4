"""The processes of one job that take its steps together: how they meet, and what the first tells the others.

Rank 0 has the session that is recorded and asked. The others have the same task, and do what it says: words in the
store through which the process group meets, one before each step.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

import psutil
import torch
import torch.distributed as dist

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.devices import choose

HOST = "127.0.0.1"

PATIENCE = timedelta(days=30)
"""Of a rank that waits for another: a job may be paused. That one has died is seen by who started it."""

KEPT_WORDS = 1_000
"""The ranks are at most a few words apart."""


class Ranks:
    """This process as one of them."""

    def __init__(self, device: str, *, rank: int, size: int, port: int = 0) -> None:
        """`device` as in a spec; `port` is that of rank 0's store on this machine, which rank 0 finds by itself.

        Raises `InvalidRequest` where there are too few devices.
        """
        self.rank, self.size = rank, size
        self.device = device_of(choose(device), rank, size, count=torch.cuda.device_count())
        with socket.socket() as listening:
            if rank == 0:  # by itself torch would listen on all of the machine's addresses
                listening.bind((HOST, 0))
                listening.listen(size)
                port = listening.getsockname()[1]
            self._store = dist.TCPStore(  # type: ignore[attr-defined]  # torch offers it under this name
                HOST,
                port,
                size,
                rank == 0,
                PATIENCE,
                wait_for_workers=False,
                master_listen_fd=listening.detach() if rank == 0 else None,
            )
        self.port = port
        self._told = 0

    @cached_property
    def group(self) -> dist.ProcessGroup:
        """The process group, once all ranks have asked for it. Each keeps its part of its threads."""
        torch.set_num_threads(max(1, torch.get_num_threads() // self.size))
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        elif name := _own_interface():  # else it is that of the machine's name, which may not resolve
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        dist.init_process_group(
            backend_for(self.device),
            store=self._store,
            rank=self.rank,
            world_size=self.size,
            timeout=PATIENCE,
        )
        group = dist.group.WORLD
        assert group is not None
        return group

    def tell(self, what: str, **details: Any) -> None:
        """Say to the other ranks, if this is rank 0, what all do next: `step`, `apply`, `restore` or `end`."""
        if self.rank > 0:
            return
        self._store.set(f"word {self._told}", json.dumps({"what": what} | details))
        self._store.delete_key(f"word {self._told - KEPT_WORDS}")
        self._told += 1

    def words(self) -> Iterator[Mapping[str, Any]]:
        """What rank 0 says, until it says `end`."""
        while True:
            word = json.loads(self._store.get(f"word {self._told}"))
            self._told += 1
            if word["what"] == "end":
                return
            yield word


def backend_for(device: torch.device) -> str:
    """Of torch.distributed, what takes tensors from there."""
    return "nccl" if device.type == "cuda" else "gloo"


def device_of(device: torch.device, rank: int, size: int, *, count: int) -> torch.device:
    """Where a rank of `size` trains: on a GPU of its own from `device` on, `count` being those that a process sees.

    Those are the ones that the worker gave to the job (CUDA_VISIBLE_DEVICES). Raises `InvalidRequest` for too few.
    """
    if device.type != "cuda":
        return device
    first = device.index or 0
    if first + size > count:
        message = f"resources.processes = {size}: one GPU each, from cuda:{first} on; this job has {count}."
        raise InvalidRequest([Fault("resources.processes", message)])
    return torch.device("cuda", first + rank)


def _own_interface() -> str | None:
    """The name of the interface by which this machine speaks to itself alone."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == HOST for address in addresses):
            return name
    return None
