"""What this worker tells the server about itself."""

import json
import os
import socket
import subprocess
import sys

from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Announcement

TIMEOUT_SECONDS = 300.0  # a first import of torch from a cold network disk


def announce(name: str, slots: int) -> Announcement:
    """The announcement, with what training offers here; asked of a process of its own, which may load torch.

    Raises `LabError` when that process fails, with the last line it printed.
    """
    command = [sys.executable, "-m", "hessianfree_lab.training.catalogue"]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise LabError(f"Training cannot be loaded here: {lines[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"Training was not loaded within {TIMEOUT_SECONDS:.0f} s.") from error
    offer = json.loads(answer.stdout)
    return Announcement(name=name, host=socket.gethostname(), pid=os.getpid(), slots=slots, **offer)
