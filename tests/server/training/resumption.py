"""Runs that are stopped and taken up again; as a program, `python resumption.py DIRECTORY...`, in another process.

A directory has spec.json and the run's checkpoints; the program takes up the newest of each and prints what comes.
"""

import json
import sys
from itertools import islice
from pathlib import Path

import torch

from hessianfree_lab.records import JobSpec
from hessianfree_lab.storage.shelf import FolderShelf
from hessianfree_lab.training.checkpoints import Checkpoints
from hessianfree_lab.training.session import Session

# Times, memory, and how often the time allows an evaluation, are not the same in any two runs.
NOT_REPEATED = ("seconds", "peak_memory_bytes", "eval_", "train_error", "suboptimality", "solved")


def facts(session, steps=None):
    """The records of so many steps (None: to the end) without what is never repeated; floats in full."""
    return [[_fact(record) for record in records] for records in islice(session, steps)]


def _fact(record):
    fields = json.loads(record.model_dump_json(exclude={"wall_time", "seconds"}))
    if "metrics" in fields:
        fields["metrics"] = {
            name: value for name, value in fields["metrics"].items() if not name.startswith(NOT_REPEATED)
        }
    return fields


def parameters(session):
    """All of them as one vector."""
    return torch.cat([p.detach().flatten() for p in session.task.parameters])


def taken_up(spec, directory):
    """A new session at the newest checkpoint."""
    session = Session(spec)
    state, complaints = Checkpoints(FolderShelf(directory), spec).newest()
    assert complaints == []
    session.restore(state)
    return session


def keep(session, directory, *, attempt=1):
    """Its checkpoint, on disk."""
    Checkpoints(FolderShelf(directory), session.spec).save(session.state(), attempt=attempt)


def main(directories):
    found = []
    for directory in directories:
        session = taken_up(JobSpec.model_validate_json((directory / "spec.json").read_text()), directory)
        found.append([facts(session), parameters(session).tolist()])
    print(json.dumps(found))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
