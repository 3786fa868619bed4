"""A Ray cluster of this machine: a head, and nodes that come and go. Nothing of it is left afterwards."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from system.launch import clean_environment, wait_until

START_SECONDS = 90.0

# Ray's own way to have several nodes on a machine, in a process that nobody else shares.
MAIN = """
import sys
from ray.cluster_utils import Cluster
small = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20}
cluster = Cluster(
    initialize_head=True, head_node_args={**small, "include_dashboard": False, "include_log_monitor": False}
)
print(cluster.address, flush=True)
node = None
for line in sys.stdin:
    if line == "add\\n":
        node = cluster.add_node(**small)
    else:
        cluster.remove_node(node, allow_graceful=False)
    print("done", flush=True)
cluster.shutdown()
"""


@dataclass
class RayNodes:
    """The head has one processor, and so has the other node while there is one."""

    process: subprocess.Popen[str]
    address: str
    folder: str
    is_alone: bool = True

    def have_two(self) -> None:
        if self.is_alone:
            self._say("add")
            self.is_alone = False

    def kill(self) -> None:
        """The other node, with everything on it."""
        self._say("kill")
        self.is_alone = True

    def processes(self, words: str) -> list[psutil.Process]:
        """Those of all nodes with these words in their command."""
        found = []
        for process in members(self.folder):
            with contextlib.suppress(psutil.Error):
                if words in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@contextlib.contextmanager
def ray_nodes() -> Iterator[RayNodes]:
    """A cluster while the context lasts."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # sockets lie in it, whose paths may not be long
    environment = clean_environment(RAY_TMPDIR=folder, RAY_USAGE_STATS_ENABLED="0")
    environment.pop("RAY_ADDRESS", None)
    log = Path(folder) / "nodes.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        with process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, log.read_text()
            yield RayNodes(process, address, folder)
    finally:
        for left in members(folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                left.send_signal(signal.SIGKILL)
        wait_until(
            lambda: not members(folder), seconds=START_SECONDS, what="the cluster's processes are gone"
        )
        shutil.rmtree(folder)


def members(folder: str) -> list[psutil.Process]:
    """The processes of the cluster that has this folder; what they started has its environment, too."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("RAY_TMPDIR") == folder:
                found.append(process)
    return found
