"""One attempt at one job, in a process of its own: `python -m hessianfree_lab.worker.runner DIRECTORY ...`.

Reads spec.json from the attempt's spool, trains, appends records to the spool, and writes how it ended. It speaks to
nobody: sending is the agent's work. What it is told comes through a pipe and by SIGTERM: steering.py.
"""

import argparse
import faulthandler
import os
import socket
import sys
from pathlib import Path

from hessianfree_lab.client.spool import Spool, SpoolWriter
from hessianfree_lab.records import Assignment, FinishRequest
from hessianfree_lab.worker.crew import Fallen
from hessianfree_lab.worker.ending import memory_kills, of_exception, of_exit
from hessianfree_lab.worker.job import Interrupted, Job
from hessianfree_lab.worker.keeping import Keeping
from hessianfree_lab.worker.steering import Steering, Stopped

SPEC = "spec.json"


def run(
    spool: Spool,
    writer: SpoolWriter,
    steering: Steering,
    checkpoints: Path,
    listening: socket.socket | None = None,
) -> FinishRequest:
    """Train to the end, whatever end it is."""
    spec = None
    kills_before = memory_kills()
    try:
        assignment = Assignment.model_validate_json((spool.directory / SPEC).read_text())
        spec = assignment.spec
        keeping = Keeping.from_environment(os.environ)
        own = checkpoints / assignment.run
        Job(assignment, spool, writer, steering, own=own, keeping=keeping, listening=listening).run()
        steering.ignore()
    except Stopped:
        return FinishRequest(attempt=spool.attempt, state="cancelled")
    except Interrupted as reason:
        return FinishRequest(attempt=spool.attempt, state="interrupted", error=str(reason))
    except Fallen as fallen:
        steering.ignore()
        return of_exit(spool.attempt, fallen.code, killed_for_memory=memory_kills() > kills_before)
    except (Exception, SystemExit) as error:  # somebody's own problem may exit
        steering.ignore()
        return of_exception(spool.attempt, error, spec)
    return FinishRequest(attempt=spool.attempt, state="completed")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one attempt at one job.")
    parser.add_argument(
        "directory", type=Path, help="the attempt's spool; those of earlier attempts are beside it"
    )
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="where this machine keeps those of all runs"
    )
    parser.add_argument(
        "--control", type=int, help="a pipe for commands; its closing means that the agent is gone"
    )
    parser.add_argument(
        "--listening", type=int, help="a socket: the other processes of the job are started elsewhere"
    )
    arguments = parser.parse_args()
    faulthandler.enable()  # a crash in native code leaves its stack in the log
    spool = Spool.open(arguments.directory)
    writer = spool.writer()
    steering = Steering(writer)
    steering.install()
    if arguments.control is not None:
        steering.listen(arguments.control)
    listening = None if arguments.listening is None else socket.socket(fileno=arguments.listening)
    ending = run(spool, writer, steering, arguments.checkpoints, listening)
    steering.ignore()  # there is nothing left to steer
    code = 0
    try:
        writer.sync()
        spool.write_finish(ending)
    except OSError as error:  # a full disk
        print(f"How this attempt ended ({ending.state}) could not be written: {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is said; taking torch down in order would take seconds


if __name__ == "__main__":
    main()
