"""One attempt at one job, in a process of its own: `python -m hessianfree_lab.worker.runner DIRECTORY`.

Reads spec.json from the attempt's spool, trains, appends records to the spool, and writes how it ended. It speaks to
nobody: sending is the agent's work. SIGTERM ends it between any two instructions of Python.
"""

import argparse
import faulthandler
import os
import signal
import sys
import threading
from pathlib import Path

from hessianfree_lab.client.spool import Spool, SpoolWriter
from hessianfree_lab.records import Assignment, FinishRequest
from hessianfree_lab.worker.ending import of_exception
from hessianfree_lab.worker.stopping import Stopped, StopSignal

SPEC = "spec.json"


def run(spool: Spool, stop: StopSignal) -> FinishRequest:
    """Train to the end, whatever end it is."""
    try:
        assignment = Assignment.model_validate_json((spool.directory / SPEC).read_text())
        train(assignment, spool.writer(), stop)
        stop.ignore()
    except Stopped:
        return FinishRequest(attempt=spool.attempt, state="interrupted", error="The job was told to stop.")
    except Exception as error:
        return of_exception(spool.attempt, error)
    return FinishRequest(attempt=spool.attempt, state="completed")


def train(assignment: Assignment, writer: SpoolWriter, stop: StopSignal) -> None:
    """Record every step of the session."""
    from hessianfree_lab.training.session import Session  # torch takes seconds; SIGTERM is heard meanwhile

    session = Session(assignment.spec)
    with stop.held():
        writer.append_environment(session.environment())
        landscape = session.landscape()
        if landscape is not None:
            writer.append(landscape)
    for records in session:
        with stop.held():
            writer.append(*records)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one attempt at one job.")
    parser.add_argument("directory", type=Path, help="the attempt's spool")
    parser.add_argument("--lifeline", type=int, help="a pipe whose closing means that the agent is gone")
    arguments = parser.parse_args()
    faulthandler.enable()  # a crash in native code leaves its stack in the log
    stop = StopSignal()
    stop.install()
    if arguments.lifeline is not None:
        threading.Thread(target=_end_with, args=[arguments.lifeline], name="lifeline", daemon=True).start()
    spool = Spool.open(arguments.directory)
    ending = run(spool, stop)
    stop.ignore()  # there is nothing left to interrupt
    spool.write_finish(ending)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all is said; taking torch down in order would take seconds


def _end_with(lifeline: int) -> None:
    """Wait for the agent's death, and die with everything this process has started."""
    os.read(lifeline, 1)  # nothing is ever written: it returns when the other end closes
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
