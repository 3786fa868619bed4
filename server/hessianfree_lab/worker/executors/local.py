"""Jobs as processes of this machine."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from hessianfree_lab.client.spool import STDERR, STDOUT
from hessianfree_lab.errors import LabError
from hessianfree_lab.logs import Say, print_plainly
from hessianfree_lab.records import (
    Announcement,
    Assignment,
    Capacity,
    Command,
    Device,
    DeviceLoad,
    FinishRequest,
    JobSpec,
    Offer,
)
from hessianfree_lab.variables import VISIBLE_DEVICES
from hessianfree_lab.worker.announcing import announced, ask_training
from hessianfree_lab.worker.ending import memory_kills
from hessianfree_lab.worker.executors.interface import Executor, Exit, Order
from hessianfree_lab.worker.gpus import remarks, usable
from hessianfree_lab.worker.load import processor_load
from hessianfree_lab.worker.nvml import Nvml, open_nvml
from hessianfree_lab.worker.output_limit import limited_output
from hessianfree_lab.worker.placement import Placement, Sharing, job_environment
from hessianfree_lab.worker.runner import SPEC
from hessianfree_lab.worker.watching import GpuWatch


class LocalExecutor(Executor):
    """This machine, its GPUs shared out among the jobs."""

    def __init__(
        self,
        *,
        slots: int | None = None,
        sharing: Sharing | None = None,
        nvml: Nvml | None = None,
        training: Callable[[], dict[str, Any]] = ask_training,
        say: Say = print_plainly,
    ) -> None:
        """`slots`: jobs at a time; None: as many as the GPUs have room for, or one.

        `sharing`: of the GPUs, None: a job has one for itself. `nvml` tells of them, None: that of this machine;
        `training` says what can be trained, and on what. `say` gets a line about GPUs whenever there is something.
        """
        if slots is not None and slots < 1:
            raise LabError(f"A worker needs at least one slot; slots is {slots}.")
        self._slots = slots or 1
        self._is_fixed = slots is not None
        self._sharing = sharing or Sharing()
        self._nvml = nvml or open_nvml()
        self._training, self._say = training, say
        self._devices: list[Device] = []

    def announcement(self, name: str) -> Announcement:
        offer = self._training()
        seen = [Device.model_validate(device) for device in offer["devices"]]
        look, visible = self._nvml.look(), os.environ.get(VISIBLE_DEVICES)
        self._devices = usable(seen, look, visible)
        gpus = [device for device in self._devices if device.is_gpu]
        for remark in (*offer["remarks"], *remarks(seen, look, visible), *self._sharing.in_words(gpus)):
            self._say(remark)
        if not self._is_fixed:
            self._slots = max(len(gpus) * self._sharing.jobs_per_gpu, 1)
        self._placement = Placement(gpus, self._sharing)
        self._watch = GpuWatch(gpus, self._nvml, self._placement, self._say)
        return announced(name, self._slots, offer | {"devices": self._devices})

    def capacity(self) -> Capacity:
        return Capacity(slots=self._slots, devices=self._devices)

    def slots_of(self, spec: JobSpec) -> int:  # noqa: ARG002 (one process or several: they share this machine)
        return 1

    def offer(self) -> Offer | None:
        return self._placement.offer()

    def expect(self, assignment: Assignment) -> None:
        if gpus := self._placement.put(assignment).gpus:
            text = (
                f"{assignment.name} ({assignment.run}), attempt {assignment.attempt}: on {', '.join(gpus)}."
            )
            self._say(text, run=assignment.run, attempt=assignment.attempt)

    def ended(self, assignment: Assignment, ending: FinishRequest | None) -> None:
        if told := self._placement.take_back(assignment, ending):
            self._say(told)

    def load(self) -> list[DeviceLoad]:
        return [processor_load(), *self._watch.look()]

    def start(self, order: Order) -> "LocalProcess":
        placed = self._placement.of(order.assignment)
        (order.spool.directory / SPEC).write_text(placed.assignment.model_dump_json())
        return LocalProcess(
            order.spool.directory,
            checkpoints=order.checkpoints,
            environment=job_environment(self._slots) | dict(placed.variables) | dict(order.variables),
        )

    def close(self) -> None:
        """Each job's process ends with this one."""


class LocalProcess:
    """The runner of one attempt: a process group of its own, that ends when this process does.

    The runner holds the reading end of a pipe, through which it is told what to do; when this process dies, however it
    dies, the pipe closes, and the runner dies too.
    """

    def __init__(
        self,
        directory: Path,
        *,
        checkpoints: Path,
        environment: Mapping[str, str],
        module: Literal["runner", "follower"] = "runner",
        listening: socket.socket | None = None,
    ) -> None:
        """Starts it. What it prints goes into files of `directory`, so that it never waits for a reader.

        `module`: a follower is started, held and ended in the same way; `listening` is handed on to a runner.
        """
        self.has_ended = False
        self._directory = directory
        self._lock = threading.Lock()
        self._memory_kills = memory_kills()
        read_by_runner, control = os.pipe()
        os.set_blocking(control, False)  # a runner that does not read must not hold up those who tell it
        self._control: int | None = control
        command = [sys.executable, "-m", f"hessianfree_lab.worker.{module}", str(directory)]
        command += ["--checkpoints", str(checkpoints), "--control", str(read_by_runner)]
        handed = [read_by_runner]
        if listening is not None:
            command += ["--listening", str(listening.fileno())]
            handed.append(listening.fileno())
        try:
            with (directory / STDOUT).open("ab") as stdout, (directory / STDERR).open("ab") as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env=dict(environment),
                    pass_fds=handed,
                    start_new_session=True,
                )
        except BaseException:
            self._close_control()
            raise
        finally:
            os.close(read_by_runner)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> Exit:
        with limited_output(self._directory):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            with self._lock:
                self._kill_group()  # what it started; the dead runner, not yet collected, keeps the number taken
                code = self._process.wait()
                self.has_ended = True
                self._close_control()
        return Exit(code=code, killed_for_memory=memory_kills() > self._memory_kills)

    def tell(self, command: Command) -> None:
        line = command.model_dump_json().encode() + b"\n"
        with self._lock, suppress(BlockingIOError, BrokenPipeError):
            # More than this could be written in part.
            if self._control is not None and len(line) <= select.PIPE_BUF:
                os.write(self._control, line)

    def terminate(self) -> None:
        # Not Popen.terminate, which collects a runner that has just ended: `wait` would find no child any more.
        with self._lock, suppress(ProcessLookupError):
            if not self.has_ended:
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        with self._lock:
            if not self.has_ended:
                self._kill_group()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _close_control(self) -> None:
        if self._control is not None:
            os.close(self._control)
            self._control = None
