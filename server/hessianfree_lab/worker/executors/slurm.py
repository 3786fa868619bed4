"""Jobs under Slurm, by submitit: one batch job for each, on a file system that its node shares with the agent.

The spool is where the runner writes it: the agent reads it there. What is asked of a job lies in a file beside it.
"""

import os
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hessianfree_lab.client.spool import Spool
from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Announcement, Capacity, Command, Device, DeviceLoad, JobSpec
from hessianfree_lab.variables import TOKEN, TOKEN_FILE
from hessianfree_lab.worker.announcing import announced, ask_training
from hessianfree_lab.worker.executors.attendance import CONTROL, SIGN_OF_LIFE, TERMINATE, attend
from hessianfree_lab.worker.executors.interface import Executor, Exit, Order
from hessianfree_lab.worker.executors.needs import Needs, anywhere
from hessianfree_lab.worker.runner import SPEC

LOOK_SECONDS = 0.5
SIGN_SECONDS = 5.0
KILL_SECONDS = 10.0  # for Slurm to end what it was told to cancel
GENERIC = frozenset({"timeout_min", "mem_gb", "nodes", "stderr_to_stdout"})
"""Parameters that submitit has for every cluster; all others are Slurm's own."""

GPUS = "gpus_per_node"
SET_HERE = frozenset({"name", "cpus_per_task", "tasks_per_node", "nodes"})
DEFAULTS: Mapping[str, Any] = {"timeout_min": 24 * 60}


class SlurmExecutor(Executor):
    """The Slurm of this machine; `cluster` "local": processes of this machine in its place.

    `cpus` are those that each process of a job gets. `parameters` are submitit's, `partition` for instance, as strings;
    `gpus_per_node` says how many GPUs the nodes have.
    """

    def __init__(
        self, *, slots: int = 1, cpus: int = 1, cluster: str | None = None, parameters: Mapping[str, str]
    ) -> None:
        """Raises `LabError` where submitit is not installed, there is no Slurm, or no such parameter."""
        try:
            import submitit
        except ImportError as error:
            raise LabError(
                "The executor slurm needs submitit: pip install 'hessianfree-lab[slurm]'."
            ) from error
        self._submitit = submitit
        self._slots, self._cpus = slots, cpus
        self._cluster = cluster or "slurm"
        given = {name: _value(text) for name, text in parameters.items()}
        if wrong := SET_HERE & given.keys():
            raise LabError(f"--slurm {min(wrong)}: that follows from the job's resources; it cannot be set.")
        self._gpus = int(given.pop(GPUS, 0))
        self._parameters = {
            name if name in GENERIC else f"slurm_{name}": value
            for name, value in {**DEFAULTS, **given}.items()
        }
        self._lock = threading.Lock()
        with tempfile.TemporaryDirectory() as folder:
            try:
                self._batches(Path(folder), Needs(processes=1, cpus=1, gpus=0))
            except Exception as error:
                raise LabError(f"Batch jobs cannot be set up here: {_words(error)}") from error

    def announcement(self, name: str) -> Announcement:
        offer = ask_training()
        return announced(name, self._slots, offer | {"devices": self.capacity().devices})

    def capacity(self) -> Capacity:
        """As it was set: what a queue of Slurm's has room for is known when it starts something."""
        devices = [Device(name="cpu", title=f"Slurm, {self._slots} jobs at a time")]
        devices += [Device(name=f"cuda:{index}", title="of a node") for index in range(self._gpus)]
        return Capacity(slots=self._slots, devices=devices)

    def slots_of(self, spec: JobSpec) -> int:  # noqa: ARG002 (a batch job each)
        return 1

    def load(self) -> list[DeviceLoad]:
        return []

    def start(self, order: Order) -> "SlurmProcess":
        assignment, spool = anywhere(order.assignment), order.spool
        (spool.directory / SPEC).write_text(assignment.model_dump_json())
        (spool.directory / SIGN_OF_LIFE).touch()
        (spool.directory / CONTROL).touch()
        needs = Needs.of(assignment.spec, cpus=self._cpus, has_gpus=self._gpus > 0)
        with self._lock:
            try:
                executor = self._batches(spool.directory / "batch", needs)
                # sbatch hands its environment on to the job, whose code is not to have the token.
                hidden = {name: os.environ.pop(name) for name in (TOKEN, TOKEN_FILE) if name in os.environ}
                try:
                    batch = executor.submit(
                        attend,
                        spool.directory,
                        order.checkpoints,
                        {**needs.variables(needs.processes), **order.variables},
                    )
                finally:
                    os.environ |= hidden
            except Exception as error:  # whatever sbatch, or submitit, says: it concerns whoever set it up
                raise LabError(f"The job could not be submitted to Slurm: {_words(error)}") from error
        return SlurmProcess(batch, spool)

    def _batches(self, folder: Path, needs: Needs) -> Any:
        """What submits jobs with these needs; submitit's files go into the folder."""
        executor = self._submitit.AutoExecutor(folder, cluster=self._cluster)
        executor.update_parameters(
            name="hessianfree",
            nodes=1,
            tasks_per_node=1,
            cpus_per_task=needs.processes * needs.cpus,
            gpus_per_node=needs.processes * needs.gpus,
            **self._parameters,
        )
        return executor

    def close(self) -> None:
        """Every batch job has ended, or ends by itself when nobody shows a sign of life any more."""


class SlurmProcess:
    """A batch job."""

    def __init__(self, batch: Any, spool: Spool) -> None:
        self._batch, self._spool = batch, spool
        self._killed_at: float | None = None

    def wait(self) -> Exit:
        shown_at = time.monotonic()
        while not self._batch.done(force_check=self._killed_at is not None):
            if self._killed_at is not None and time.monotonic() - self._killed_at > KILL_SECONDS:
                return Exit()
            if time.monotonic() - shown_at > SIGN_SECONDS:
                (self._spool.directory / SIGN_OF_LIFE).touch()
                shown_at = time.monotonic()
            time.sleep(LOOK_SECONDS)
        if self._killed_at is not None:
            return Exit()
        try:
            exit_: Exit = self._batch.result()
        except Exception:  # submitit has one for each way to end without a result
            state = self._batch.state
            return Exit(lost=f"Slurm ended its batch job {self._batch.job_id}, which is {state}.")
        return exit_

    def tell(self, command: Command) -> None:
        self._write(command.model_dump_json())

    def terminate(self) -> None:
        if self._batch.state == "PENDING":
            self.kill()
        else:
            self._write(TERMINATE)

    def kill(self) -> None:
        self._killed_at = self._killed_at or time.monotonic()
        self._batch.cancel(check=False)

    def _write(self, line: str) -> None:
        with suppress(FileNotFoundError), (self._spool.directory / CONTROL).open("ab") as file:
            file.write(f"{line}\n".encode())


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _value(text: str) -> Any:
    """As submitit wants it: a number, true, false, or the text itself."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return {"true": True, "false": False}.get(text, text)
