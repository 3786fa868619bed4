"""What this worker tells the server about itself."""

import json
import os
import socket
import subprocess
import sys
from typing import Any

from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Announcement

TIMEOUT_SECONDS = 300.0  # a first import of torch from a cold network disk


def announced(name: str, slots: int, offer: dict[str, Any]) -> Announcement:
    """The announcement of a worker on this machine, which offers that."""
    told = {key: value for key, value in offer.items() if key != "remarks"}
    return Announcement(name=name, host=socket.gethostname(), pid=os.getpid(), slots=slots, **told)


def ask_training() -> dict[str, Any]:
    """What training offers here, and `remarks`: asked of a process of its own, which may load torch.

    Raises `LabError` with what that process refuses, or, when it fails, the last line it printed.
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
    try:
        offer: dict[str, Any] = json.loads(answer.stdout)
    except ValueError as error:  # somebody's own problem may end the process at once, by os._exit
        raise LabError("Training was loaded, but ended without saying what it offers.") from error
    if "refused" in offer:
        raise LabError(offer["refused"])
    return offer
