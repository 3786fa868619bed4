"""What a batch job runs on its node: the job's runner, attended for an agent that shares the disk.

In the attempt's folder the agent writes a line into `control` for each thing it asks, and touches `agent` every few
seconds: when it does so no more, the job ends, as one does on the agent's own machine.
"""

import signal
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from hessianfree_lab.client.spool import Spool
from hessianfree_lab.records import Command
from hessianfree_lab.worker.executors.interface import Exit
from hessianfree_lab.worker.executors.local import LocalProcess
from hessianfree_lab.worker.placement import job_environment

CONTROL, SIGN_OF_LIFE = "control", "agent"
TERMINATE = "terminate"
"""The line that asks for an end with the step; all others are commands."""

LOOK_SECONDS = 0.5
SILENCE_SECONDS = 120.0  # of the agent; disks of many machines show a change late


def attend(directory: Path, checkpoints: Path, variables: Mapping[str, str]) -> Exit:
    """Run the attempt whose spool that is to its end. In the main thread: Slurm speaks by signals.

    SIGUSR2 (the time is nearly over) and SIGTERM (somebody else is to have the node) end it with its step.
    """
    spool = Spool.open(directory)
    if spool.read_finish() is not None:  # Slurm has put a job into its queue again that had ended
        return Exit()
    with closing(spool.writer()) as writer:
        writer.append_note(f"It runs on the node {socket.gethostname()}.")
    process = LocalProcess(
        directory, checkpoints=checkpoints, environment=job_environment(1) | dict(variables)
    )
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda *_: process.terminate())
    threading.Thread(target=listen, args=(directory, process), daemon=True).start()
    return process.wait()


def listen(directory: Path, process: LocalProcess, *, silence_seconds: float = SILENCE_SECONDS) -> None:
    """Do what the agent asks, until the process ends; kill it when the agent is gone."""
    position, seen, heard_at = 0, 0, time.monotonic()
    while not process.has_ended:
        try:
            with (directory / CONTROL).open("rb") as file:
                file.seek(position)
                for line in file:
                    if not line.endswith(b"\n"):  # still being written
                        break
                    position += len(line)
                    _pass_on(line.decode().strip(), process)
            sign = (directory / SIGN_OF_LIFE).stat().st_mtime_ns
        except FileNotFoundError:  # the agent has given the attempt up
            process.kill()
            return
        if sign != seen:
            seen, heard_at = sign, time.monotonic()
        elif time.monotonic() - heard_at > silence_seconds:
            process.kill()
            return
        time.sleep(LOOK_SECONDS)


def _pass_on(line: str, process: LocalProcess) -> None:
    if line == TERMINATE:
        process.terminate()
    else:
        process.tell(Command.model_validate_json(line))
