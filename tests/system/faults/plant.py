"""A server and its workers as processes of their own, to be killed, frozen and started again."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hessianfree_lab.client import Client
from system.launch import HESSIANFREE, clean_environment

RUNNER = "hessianfree_lab.worker.runner"


@dataclass(kw_only=True)
class Member:
    """One long-lived process of the plant, started again with the same arguments after each death."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    output: Path
    process: subprocess.Popen[bytes] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start it, unless it runs."""
        with self.lock:  # two faults may both have it come back
            if self.is_alive():
                return
            with self.output.open("ab") as file:
                self.process = subprocess.Popen(
                    [*HESSIANFREE, *self.arguments],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.is_alive():
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is dead."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait()

    def runners(self) -> list[psutil.Process]:
        """The job processes that this worker has started and that live."""
        if self.process is None or not self.is_alive():
            return []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if RUNNER in _command_of(child)]
        return []


@dataclass(kw_only=True)
class Plant:
    """One server and its workers, each worker with a data directory of its own, as on machines of their own."""

    url: str
    database: Path
    folder: Path
    server: Member
    workers: list[Member]
    seen_runners: set[int] = field(default_factory=set)

    @property
    def members(self) -> list[Member]:
        return [self.server, *self.workers]

    def start(self) -> None:
        for member in self.members:
            member.start()
        self.wait_for(lambda client: len(client.workers()) >= len(self.workers), "the workers register")

    def wait_for(self, condition: Callable[[Client], bool], what: str, *, seconds: float = 300.0) -> float:
        """Seconds until the condition held; whatever the server answers or fails to answer meanwhile."""
        started = time.monotonic()
        with Client(self.url) as client:
            while True:
                with contextlib.suppress(Exception):
                    if condition(client):
                        return time.monotonic() - started
                waited = time.monotonic() - started
                assert waited < seconds, f"not within {seconds:.0f} s: {what}\n{self.last_words()}"
                time.sleep(0.1)

    def note_runners(self) -> None:
        """Remember the job processes that live now."""
        for worker in self.workers:
            self.seen_runners |= {runner.pid for runner in worker.runners()}

    def is_training(self) -> bool:
        """Whether any job is past its first step, with a checkpoint from which the next attempt goes on."""
        runners = [runner for worker in self.workers for runner in worker.runners()]
        return any(_has_trained(runner) for runner in runners)

    def orphans(self) -> list[int]:
        """Job processes seen before that have outlived their worker."""
        held = {runner.pid for worker in self.workers for runner in worker.runners()}
        return [pid for pid in self.seen_runners - held if _is_runner(pid)]

    def stop(self) -> None:
        for member in reversed(self.members):
            member.send(signal.SIGCONT)
            member.send(signal.SIGTERM)
        for member in reversed(self.members):
            if member.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    member.process.wait(30)
                member.kill()

    def last_words(self) -> str:
        return "\n".join(
            f"--- {member.name}\n{member.output.read_text(errors='replace')[-1500:]}"
            for member in self.members
        )


def build(folder: Path, *, workers: int, lease_seconds: float) -> Plant:
    """A plant in an empty folder; nothing runs yet."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = clean_environment(
        HESSIANFREE_LEASE_SECONDS=str(lease_seconds), HESSIANFREE_HEARTBEAT_SECONDS=str(lease_seconds / 4)
    )
    data = folder / "server"
    server = Member(
        name="server",
        arguments=["serve", "--port", str(port), "--data-dir", str(data)],
        environment=environment,
        output=folder / "server.log",
    )
    found = [
        Member(
            name=f"worker {index}",
            arguments=[
                "work",
                "--server",
                url,
                "--data-dir",
                str(folder / f"worker{index}"),
                "--name",
                f"w{index}",
            ],
            environment=environment,
            output=folder / f"worker{index}.log",
        )
        for index in range(workers)
    ]
    for member in [server, *found]:
        member.output.touch()
    return Plant(url=url, database=data / "hessianfree.sqlite", folder=folder, server=server, workers=found)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _has_trained(runner: psutil.Process) -> bool:
    """Its spool, RUN-ATTEMPT, and the folder of checkpoints of all runs stand in its command."""
    words = _command_of(runner).split()
    with contextlib.suppress(OSError, ValueError):
        spool = Path(words[words.index(RUNNER) + 1])
        kept = Path(words[words.index("--checkpoints") + 1]) / spool.name.rpartition("-")[0]
        return b'{"step":' in (spool / "records.jsonl").read_bytes() and any(kept.glob("0*"))
    return False


def _is_runner(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and RUNNER in _command_of(process)
    except psutil.Error:
        return False


def kill_process(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
