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

from hessianfree_lab.errors import Fault, InvalidRequest, LabError
from hessianfree_lab.training.devices import choose
from hessianfree_lab.training.seat import Seat, interface_to

MEETING = timedelta(minutes=5)
"""For another machine to answer."""

PATIENCE = timedelta(days=30)
"""Of a rank that waits for another: a job may be paused. That one has died is seen by who started it."""

KEPT_WORDS = 1_000
"""The ranks are at most a few words apart."""


class Ranks:
    """This process as one of them."""

    def __init__(self, device: str, seat: Seat, *, listening: socket.socket | None = None) -> None:
        """`device` as in a spec; `listening`: the socket of rank 0, where the others find it.

        Raises `InvalidRequest` where there are too few devices, `LabError` where rank 0 is not to be reached.
        """
        self.rank, self.size = seat.rank, seat.size
        self.device = device_of(choose(device), seat, count=torch.cuda.device_count())
        self.seat = seat
        try:
            self._store = dist.TCPStore(  # type: ignore[attr-defined]  # torch offers it under this name
                seat.host,
                seat.port,
                seat.size,
                seat.rank == 0,
                MEETING,
                wait_for_workers=False,
                master_listen_fd=listening.detach() if listening is not None else None,
            )
        except dist.DistError as error:
            where = f"{seat.host}:{seat.port}"
            raise LabError(
                f"Rank {seat.rank} does not reach rank 0 at {where}: the nodes of a job must reach each other."
            ) from error
        self._store.set_timeout(PATIENCE)
        self._told = 0

    @cached_property
    def group(self) -> dist.ProcessGroup:
        """The process group, once all ranks have asked for it. Each keeps its part of its machine's threads."""
        torch.set_num_threads(max(1, torch.get_num_threads() // self.seat.local_size))
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        # Else gloo takes that of the machine's name, which may not resolve, and NCCL the first one it finds.
        if name := interface_to(self.seat.host, own_addresses()):
            os.environ.setdefault(f"{backend_for(self.device).upper()}_SOCKET_IFNAME", name)
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


def device_of(device: torch.device, seat: Seat, *, count: int) -> torch.device:
    """Where a rank trains: on a GPU of its own from `device` on, `count` being those that a process sees.

    Those are the ones that the job was given on this machine (CUDA_VISIBLE_DEVICES). Raises `InvalidRequest` for too
    few.
    """
    if device.type != "cuda":
        return device
    first = device.index or 0
    if first + seat.local_size > count:
        message = (
            f"resources.processes = {seat.size}: one GPU each, from cuda:{first} on; this job has {count}."
        )
        raise InvalidRequest([Fault("resources.processes", message)])
    return torch.device("cuda", first + seat.local_rank)


def own_addresses() -> dict[str, list[str]]:
    """This machine's, by the interface that has them."""
    return {name: [one.address for one in has] for name, has in psutil.net_if_addrs().items()}
