"""Jobs on a Ray cluster: an outpost for each, as an actor with the processors and GPUs that the job needs.

What a job records and prints comes back through Ray, and goes on from the agent: no node speaks to the server, or knows
its token. Ray tries nothing again: that is what attempts are for.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from hessianfree_lab.client.spool import FINISH, Spool, write_atomically
from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Announcement, Capacity, Command, Device, DeviceLoad, JobSpec, Offer
from hessianfree_lab.version import __version__
from hessianfree_lab.worker.announcing import TIMEOUT_SECONDS, announced
from hessianfree_lab.worker.executors.interface import Executor, Exit, Order
from hessianfree_lab.worker.executors.needs import Needs, anywhere
from hessianfree_lab.worker.executors.outpost import FOLLOWED, Mission, News, Outpost, training_here
from hessianfree_lab.worker.resumption import Earlier

CONNECT_SECONDS = 5.0
READ_SECONDS = 1.0  # how long an outpost waits for something to tell
LOOK_SECONDS = 0.2  # at whether a job that waits for room is still wanted
KILL_SECONDS = 5.0  # for an outpost to kill its job; then it is killed itself
ANSWER_SECONDS = 60.0
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
        if not self._fits_a_node(needs):
            with closing(order.spool.writer()) as writer:
                writer.append_note(
                    f"No node of the Ray cluster has {needs.cpus} CPUs and {needs.gpus} GPUs at all: "
                    "the job waits for one."
                )
        actor = self._ray.remote(Outpost).options(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=4,
            name=f"hessianfree {order.assignment.run} {order.assignment.attempt}",
        )
        mission = Mission(
            version=__version__,
            assignment=anywhere(order.assignment),
            earlier=Earlier.read(order.spool.directory.parent, order.assignment).lines(),
            variables={**needs.variables(), **self._variables, **order.variables},
            problems_here=self._has_problems,
        )
        return RayProcess(self._ray, actor.remote(), mission, order.spool)

    def close(self) -> None:
        with self._open:
            self._is_closed = True
            self._ray.shutdown()

    def _fits_a_node(self, needs: Needs) -> bool:
        """Whether there is one that is large enough, busy or not: the processes of a job share a machine."""
        there = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return any(one.get("CPU", 0) >= needs.cpus and one.get("GPU", 0) >= needs.gpus for one in there)

    def _ask(self, answer: Any, seconds: float, otherwise: str) -> Any:
        try:
            return self._ray.get(answer, timeout=seconds)
        except self._ray.exceptions.GetTimeoutError as error:
            raise LabError(f"{otherwise} within {seconds:.0f} s.") from error
        except self._ray.exceptions.RayError as error:
            raise LabError(f"Training cannot be loaded on the Ray cluster: {_cause(error)}") from error


class RayProcess:
    """A job's outpost, and through it the job."""

    def __init__(self, ray: Any, actor: Any, mission: Mission, spool: Spool) -> None:
        self._ray = ray
        self._actor = actor
        self._spool = spool
        self._killed = threading.Event()
        self._is_there = False  # the job, and its outpost with it
        self._begun = actor.begin.remote(mission)

    def wait(self) -> Exit:
        errors = self._ray.exceptions
        try:
            while not self._ray.wait([self._begun], timeout=LOOK_SECONDS)[0]:
                if self._killed.is_set():
                    return Exit()
            self._ray.get(self._begun)
            self._is_there = True
            return self._relay()
        except errors.RayTaskError as error:  # what the outpost raised
            raise LabError(_cause(error)) from error
        except errors.RayError as error:
            if self._killed.is_set():
                return Exit()
            return Exit(lost=f"The node of the Ray cluster that it ran on has gone: {_cause(error)}")
        finally:
            self._is_there = False
            self._ray.kill(self._actor)

    def tell(self, command: Command) -> None:
        self._send(lambda: self._actor.tell.remote(command))

    def terminate(self) -> None:
        if self._is_there:
            self._send(self._actor.terminate.remote)
        else:
            self._killed.set()

    def kill(self) -> None:
        self._killed.set()
        self._send(self._actor.kill.remote)

    def _send(self, call: Callable[[], Any]) -> None:
        """Without waiting for it; to an outpost that has gone, or is not there yet, nothing is sent."""
        if self._is_there:
            with suppress(self._ray.exceptions.RayError):
                call()

    def _relay(self) -> Exit:
        """Bring into the spool what comes into that of the outpost, until the job has ended."""
        positions = dict.fromkeys(FOLLOWED, 0)
        deadline: float | None = None
        while True:
            pending = self._actor.read.remote(positions, READ_SECONDS)
            while not self._ray.wait([pending], timeout=LOOK_SECONDS)[0]:
                if self._killed.is_set():
                    deadline = deadline or time.monotonic() + KILL_SECONDS
                    if time.monotonic() > deadline:
                        return Exit()
            news: News = self._ray.get(pending)
            for name, piece in news.pieces.items():
                if name == FINISH:
                    write_atomically(self._spool.directory / FINISH, piece.decode())
                    continue
                with (self._spool.directory / name).open("ab") as file:
                    file.write(piece)
                positions[name] += len(piece)
            if news.exit is not None:
                with suppress(self._ray.exceptions.RayError):
                    self._ray.get(self._actor.leave.remote(), timeout=ANSWER_SECONDS)
                return news.exit


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
        raise LabError(f"The Ray cluster at {address} cannot be used: {_first_line(error)}") from error
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


def _cause(error: BaseException) -> str:
    """What was raised on the node, in a line."""
    return _first_line(getattr(error, "cause", None) or error)


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
