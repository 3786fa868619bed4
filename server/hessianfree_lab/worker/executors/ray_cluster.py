"""Jobs on a Ray cluster, each with the processors and GPUs that it needs, wherever there are some.

No node speaks to the server, or knows its token. Ray tries nothing again: that is what attempts are for.
"""

import logging
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Announcement, Capacity, Device, DeviceLoad, JobSpec, Offer
from hessianfree_lab.version import __version__
from hessianfree_lab.worker.announcing import TIMEOUT_SECONDS, announced
from hessianfree_lab.worker.executors.interface import Executor, Order
from hessianfree_lab.worker.executors.needs import Needs, anywhere
from hessianfree_lab.worker.executors.outpost import Mission, training_here
from hessianfree_lab.worker.executors.ray_job import RayProcess, cause_of, first_line
from hessianfree_lab.worker.resumption import Earlier

CONNECT_SECONDS = 5.0
MOST_SLOTS = 10_000  # that can be announced
MOST_NAMED = 64  # GPUs in an offer, whose names mean nothing here


class RayExecutor(Executor):
    """The cluster at `address`: "auto", HOST:PORT of its head, or ray://HOST:PORT of its client server.

    `cpus` are those that each process of a job gets. `slots`: jobs at a time; None: as many as the cluster has room
    for. `problems`: a folder with problems of one's own, which every node gets as it is now. `variables`: more of the
    environment of jobs.
    """

    def __init__(
        self,
        address: str,
        *,
        cpus: int = 1,
        slots: int | None = None,
        problems: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Connects. Raises `LabError` where Ray is not installed, or no cluster answers."""
        self._ray = _connected(address, problems)
        self._cpus = cpus
        self._slots = slots
        self._variables = dict(variables or {})
        self._has_problems = problems is not None
        self._has_gpus = False
        self._open = threading.Lock()  # Ray ends the process of whoever asks it after it was closed
        self._is_closed = False
        self._capacity = self.capacity()

    def announcement(self, name: str) -> Announcement:
        task = self._ray.remote(num_cpus=self._cpus, max_retries=0)(training_here)
        offer = self._ask(
            task.remote(__version__, self._variables, problems_here=self._has_problems),
            TIMEOUT_SECONDS,
            "No node of the Ray cluster had a processor to say what it can train",
        )
        capacity = self.capacity()
        return announced(name, capacity.slots, offer | {"devices": [*capacity.devices]})

    def capacity(self) -> Capacity:
        """Of the nodes that are there now."""
        with self._open:
            if self._is_closed:
                return self._capacity
            there = self._ray.cluster_resources()
            nodes = sum(node["Alive"] for node in self._ray.nodes())
        cpus, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
        kinds = sorted(name.partition(":")[2] for name in there if name.startswith("accelerator_type:"))
        self._has_gpus = gpus > 0
        title = f"Ray cluster, {nodes} node{'' if nodes == 1 else 's'}, {cpus} CPUs"
        devices = [Device(name="cpu", title=title, memory_bytes=int(there.get("memory", 0)))]
        devices += [Device(name=f"cuda:{index}", title=", ".join(kinds)) for index in range(gpus)]
        # At least one: a cluster that grows by itself grows for those who wait.
        self._capacity = Capacity(
            slots=self._slots or min(max(1, cpus // self._cpus), MOST_SLOTS), devices=devices
        )
        return self._capacity

    def slots_of(self, spec: JobSpec) -> int:
        return 1 if self._slots else spec.resources.processes

    def offer(self) -> Offer | None:
        """As many GPUs as Ray has to give: jobs for others wait in our queue, where their priority counts."""
        names = [device.name for device in self._capacity.devices if device.is_gpu]
        with self._open:
            if self._is_closed or not names:
                return None
            free = int(self._ray.available_resources().get("GPU", 0))
        return Offer(room=names[: min(free, MOST_NAMED)], whole=free, most=len(names))

    def load(self) -> list[DeviceLoad]:
        """The part of its processors that Ray has given away, to whomever."""
        with self._open:
            if self._is_closed:
                return []
            there, free = self._ray.cluster_resources(), self._ray.available_resources()
        if not there.get("CPU"):
            return []
        return [DeviceLoad(device="cpu", utilisation=1 - free.get("CPU", 0) / there["CPU"])]

    def start(self, order: Order) -> "RayProcess":
        spec = order.assignment.spec
        needs = Needs.of(spec, cpus=self._cpus, has_gpus=self._has_gpus)
        if self._places(needs) < needs.processes:
            with closing(order.spool.writer()) as writer:
                writer.append_note(f"The Ray cluster has no room for {needs} at all: the job waits for it.")
        mission = Mission(
            version=__version__,
            assignment=anywhere(order.assignment),
            earlier=Earlier.read(order.spool.directory.parent, order.assignment).lines(),
            variables={**self._variables, **order.variables},
            problems_here=self._has_problems,
        )
        return RayProcess(self._ray, needs, mission, order.spool)

    def close(self) -> None:
        with self._open:
            self._is_closed = True
            self._ray.shutdown()

    def _places(self, needs: Needs) -> int:
        """How many processes of this kind there is room for on the nodes that are there, were they idle."""
        there = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(needs.places(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in there)

    def _ask(self, answer: Any, seconds: float, otherwise: str) -> Any:
        try:
            return self._ray.get(answer, timeout=seconds)
        except self._ray.exceptions.GetTimeoutError as error:
            raise LabError(f"{otherwise} within {seconds:.0f} s.") from error
        except self._ray.exceptions.RayError as error:
            raise LabError(f"Training cannot be loaded on the Ray cluster: {cause_of(error)}") from error


def _connected(address: str, problems: Path | None) -> Any:
    """Ray, connected; the folder travels to every node that runs something."""
    try:
        import ray
    except ImportError as error:
        raise LabError("The executor ray needs Ray here: pip install 'hessianfree-lab[ray]'.") from error
    _check_answers(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
    try:
        ray.init(
            address=address,
            runtime_env={"working_dir": str(problems)} if problems else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise LabError(f"The Ray cluster at {address} cannot be used: {first_line(error)}") from error
    return ray


def _check_answers(address: str) -> None:
    """Raise `LabError` where nobody listens: Ray would ask again for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        if address != "auto":
            raise LabError(f"--address is {address!r}; it must be auto, HOST:PORT or ray://HOST:PORT.")
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabError(f"No Ray cluster answers at {address}: {reason.lower()}.") from error
