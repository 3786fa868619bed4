"""Runners that are told what to do while they train."""

import os
from dataclasses import dataclass

from hessianfree_lab.client.extents import next_extent
from hessianfree_lab.client.spool import Position, Spool
from hessianfree_lab.records import Assignment, Command, Control
from server.makers import NOON
from server.worker.runs import started
from system.launch import wait_until


@dataclass
class Told:
    """A runner and the pipe to it."""

    spool: Spool
    assignment: Assignment
    storage: str = ""

    def __post_init__(self):
        (self.spool.directory / "spec.json").write_text(self.assignment.model_dump_json())
        reading, self.pipe = os.pipe()
        self.process = started(
            self.spool,
            "--control",
            str(reading),
            storage=self.storage,
            pass_fds=[reading],
            start_new_session=True,
        )
        os.close(reading)

    def tell(self, kind, number=None, **settings):
        command = Command(
            run="r", attempt=self.assignment.attempt, kind=kind, number=number, settings=settings
        )
        os.write(self.pipe, command.model_dump_json().encode() + b"\n")

    def acknowledged(self):
        return {applied.number: applied for batch in self.batches() for applied in batch.applied}

    def wait_for(self, number, *, seconds=10.0):
        wait_until(lambda: number in self.acknowledged(), seconds=seconds, what=f"control {number}")
        return self.acknowledged()[number]

    def batches(self):
        found, position = [], Position()
        while (extent := next_extent(self.spool, position)) is not None:
            found.append(extent.batch)
            position = extent.end
        return found

    def notes(self):
        return [line.text for batch in self.batches() for line in batch.logs if line.stream == "worker"]


def ended(told, seconds=60):
    assert told.process.wait(seconds) == 0
    return told.spool.read_finish()


def control(number, step, **settings):
    return Control(number=number, kind="set", settings=settings, requested_at=NOON, step=step)
