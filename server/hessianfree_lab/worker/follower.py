"""A rank from 1 of a job that runs on several processes: `python -m hessianfree_lab.worker.follower DIRECTORY ...`.

Reads from its standard input where rank 0, the runner, is to be found, does what that tells it, and records nothing.
What it prints goes where the runner's output goes.
"""

import argparse
import faulthandler
import os
import signal
import sys
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
    parser.add_argument("--rank", type=int, required=True, help="its number, from 1")
    arguments = parser.parse_args()
    faulthandler.enable()
    # Whoever stops all processes of a service at once means rank 0, which ends with its step and then ends the others.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # what all ranks would say, the log has from rank 0
    from hessianfree.errors import RankError
    from hessianfree_lab.training.checkpoints import Checkpoints
    from hessianfree_lab.training.following import follow
    from hessianfree_lab.training.ranks import Ranks
    from hessianfree_lab.training.session import Session

    assignment = Assignment.model_validate_json((arguments.directory / SPEC).read_text())
    spec, keeping = assignment.spec, Keeping.from_environment(os.environ)
    port = sys.stdin.readline()  # of rank 0's store
    if not port:
        sys.exit("Rank 0 has ended before it began.")
    ranks = Ranks(spec.device, rank=arguments.rank, size=spec.resources.processes, port=int(port))
    shelf = keeping.shelf(assignment.run, arguments.checkpoints, rank=ranks.rank)
    code = 0
    try:
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


if __name__ == "__main__":
    main()
