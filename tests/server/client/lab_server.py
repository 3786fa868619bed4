"""A server as a process of its own, which can be stopped, killed and started again at the same address."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hessianfree_lab.client import Client
from system.launch import clean_environment, wait_until

START_SECONDS = 60.0

MAIN = """
import json, sys
from pathlib import Path
from hessianfree_lab.serving import serve
from hessianfree_lab.settings import Settings

url_file, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
serve(Settings(**settings), on_ready=lambda url: url_file.write_text(url))
"""


@dataclass
class LabServer:
    """`url` and `client` are good from the first `start` on, also while the server is away."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again, at the address of the first time; returns when it answers."""
        url_file = self.folder / "url"
        url_file.unlink(missing_ok=True)
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        settings = {"data_dir": str(self.folder / "data"), "port": port, **self.settings}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", MAIN, str(url_file), json.dumps(settings)],
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(
            lambda: (url_file.exists() and bool(url_file.read_text())) or self.process.poll() is not None,
            seconds=START_SECONDS,
            what="the server answers",
        )
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        self.url = url_file.read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait for the end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)

    def client(self) -> Client:
        return Client(self.url, self.settings.get("token"))


@contextlib.contextmanager
def lab_server(folder: Path, **settings: Any) -> Iterator[LabServer]:
    """A running server with its data in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    server = LabServer(folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.end(signal.SIGKILL)
