"""A rank from 1 of a job that runs on several processes: `python -m hessianfree_lab.worker.follower DIRECTORY ...`.

Finds in its environment which one it is and where rank 0 listens, the runner; does what that tells it, and records
nothing. What it prints goes where the runner's output goes.
"""

import argparse
import faulthandler
import os
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path

from hessianfree_lab.records import Assignment
from hessianfree_lab.worker.ending import OUT_OF_MEMORY_CODE
from hessianfree_lab.worker.keeping import Keeping, newest_of
from hessianfree_lab.worker.runner import SPEC
from hessianfree_lab.worker.shortage import is_shortage


def main() -> None:
    parser = argparse.ArgumentParser(description="Be one of the processes of an attempt at a job.")
    parser.add_argument("directory", type=Path, help="the attempt's spool")
    parser.add_argument("--checkpoints", type=Path, required=True, help="the run's folder")
    parser.add_argument("--control", type=int, help="a pipe that closes when whoever started this is gone")
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.control is not None:
        threading.Thread(target=_end_with, args=(arguments.control,), name="control", daemon=True).start()
    # Whoever stops all processes of a service at once means rank 0, which ends with its step and then ends the others.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # what all ranks would say, the log has from rank 0
    from hessianfree.errors import RankError
    from hessianfree_lab.training.checkpoints import Checkpoints
    from hessianfree_lab.training.following import follow
    from hessianfree_lab.training.ranks import Ranks
    from hessianfree_lab.training.seat import Seat
    from hessianfree_lab.training.session import Session

    assignment = Assignment.model_validate_json((arguments.directory / SPEC).read_text())
    spec, keeping = assignment.spec, Keeping.from_environment(os.environ)
    seat = Seat.from_environment(os.environ)
    shelf = keeping.shelf(assignment.run, arguments.checkpoints, rank=seat.rank)
    code = 0
    try:
        ranks = Ranks(spec.device, seat)
        checkpoints = Checkpoints(shelf, spec)
        follow(
            Session(spec, ranks=ranks),
            ranks,
            lambda step: newest_of(checkpoints, assignment, at_most_step=step),
        )
    except Exception as error:
        traceback.print_exc()
        is_own = not isinstance(error, RankError)
        code = OUT_OF_MEMORY_CODE if is_own and is_shortage(error) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as the runner: taking torch down in order would take seconds


def _end_with(pipe: int) -> None:
    """Die, with everything this process has started, as soon as the pipe closes."""
    with os.fdopen(pipe, "rb") as control:
        while control.read(1):
            pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
