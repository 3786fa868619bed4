"""A Ray cluster of two machines: a head, and a node that comes and goes. Nothing of it is left afterwards.

The machines are network namespaces, so that each has addresses and ports of its own, as in a cluster.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from system.deployment.networks import Host, network
from system.launch import clean_environment, wait_until

START_SECONDS = 90.0
RAY = str(Path(sys.executable).with_name("ray"))
PORT = 6379
SMALL = [
    "--num-cpus",
    "1",
    "--num-gpus",
    "0",
    "--object-store-memory",
    str(80 * 2**20),
    "--disable-usage-stats",
]


@dataclass
class RayNodes:
    """The head has one processor, and so has the other node while there is one."""

    head: Host
    other: Host
    folder: Path  # sockets lie in it, whose paths may not be long
    is_alone: bool = True
    _starts: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.head.address}:{PORT}"

    def start(self) -> None:
        own = ["--head", "--port", str(PORT), "--temp-dir", str(self.folder), "--include-dashboard", "false"]
        self._start(self.head, own)

    def have_two(self) -> None:
        if self.is_alone:
            self._start(self.other, ["--address", self.address])
            self.is_alone = False

    def kill(self) -> None:
        """Everything on the other node."""
        end(self.other)
        self.is_alone = True

    def kill_service(self) -> None:
        """The head's, which knows of all nodes (GCS); whatever else runs there lives on."""
        (service,) = [process for process in processes(self.head) if process.name() == "gcs_server"]
        service.kill()

    def jobs(self, words: str) -> list[psutil.Process]:
        """Processes of jobs on all nodes with these words in their command."""
        found = []
        for process in processes(self.head) + processes(self.other):
            with contextlib.suppress(psutil.Error):
                if words in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def close(self) -> None:
        for host in (self.other, self.head):
            end(host)
        for start in self._starts:
            start.wait()

    def _start(self, host: Host, own: list[str]) -> None:
        log = self.folder / f"{host.name}.log"
        with log.open("wb") as output:
            start = subprocess.Popen(
                [*host.within, RAY, "start", "--block", "--node-ip-address", host.address, *SMALL, *own],
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._starts.append(start)
        wait_until(
            lambda: "Ray runtime started" in log.read_text() or start.poll() is not None,
            seconds=START_SECONDS,
            what="a node of the Ray cluster",
        )
        assert start.poll() is None, log.read_text()


@contextlib.contextmanager
def ray_nodes() -> Iterator[RayNodes]:
    """A cluster while the context lasts, with one node at first."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    with network("head", "other") as hosts:
        nodes = RayNodes(hosts["head"], hosts["other"], folder)
        try:
            nodes.start()
            yield nodes
        finally:
            nodes.close()
            shutil.rmtree(folder)


def processes(host: Host) -> list[psutil.Process]:
    """All that run there."""
    found = subprocess.run(
        ["ip", "netns", "pids", host.namespace], capture_output=True, text=True, check=True
    )
    there = []
    for number in found.stdout.split():
        with contextlib.suppress(psutil.NoSuchProcess):
            there.append(psutil.Process(int(number)))
    return there


def end(host: Host) -> None:
    """Kill them."""

    def are_gone() -> bool:
        left = processes(host)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        return not left

    wait_until(are_gone, seconds=START_SECONDS, what=f"nothing runs on {host.name}")
