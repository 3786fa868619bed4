"""Going on from a checkpoint: which one, and what has to be told to the server that it did not hear before.

A checkpoint of step s may be ahead of the server, whose last step r an earlier attempt could send before it was cut
off. Steps r + 1 to s are then in the spools of earlier attempts here, and the new attempt sends them as its own.
"""

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hessianfree_lab.client.spool import RECORDS, Spool
from hessianfree_lab.records import Applied, Assignment, Control


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What earlier attempts recorded on this machine beyond what the server has: one line of steps."""

    steps: dict[int, list[bytes]]  # the lines of each step: its record, its trace, its spectrum
    applied: list[tuple[Applied, bytes]]

    @classmethod
    def read(cls, root: Path, assignment: Assignment) -> Self:
        """From the spools below `root` of the attempts that still count."""
        spools = [
            spool
            for spool in Spool.all_below(root)
            if spool.run == assignment.run and assignment.since_attempt <= spool.attempt < assignment.attempt
        ]
        steps: dict[int, list[bytes]] = {}
        applied: list[tuple[Applied, bytes]] = []
        for spool in sorted(spools, key=lambda spool: spool.attempt):
            found = _Found(beyond=assignment.last_step)
            found.read(spool.directory / RECORDS)
            if found.first is None:
                continue
            # What a later attempt made anew takes the place of what was there.
            steps = {step: lines for step, lines in steps.items() if step < found.first} | found.steps
            applied = [entry for entry in applied if entry[0].step < found.first - 1] + found.applied
        return cls(steps=steps, applied=applied)

    def lines(self) -> bytes:
        """All of it, as one spool would hold it."""
        steps = [line for step in sorted(self.steps) for line in self.steps[step]]
        return b"".join(steps + [line for _, line in self.applied])

    def unbroken_from(self, last_step: int) -> int:
        """The last step up to which each is either among the first `last_step` ones or here."""
        while last_step + 1 in self.steps:
            last_step += 1
        return last_step


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """How an attempt goes on after step `step`; 0: it begins anew."""

    step: int
    unsent: list[bytes] = field(default_factory=list)  # lines for the new spool
    repeated: dict[int, list[Control]] = field(
        default_factory=dict
    )  # step -> what is to be made again after it
    pending: list[Control] = field(default_factory=list)  # to be made at once

    @classmethod
    def plan(cls, assignment: Assignment, earlier: Earlier, step: int) -> Self:
        """From the checkpoint of `step`, which is not beyond `earlier.unbroken_from(assignment.last_step)`.

        A checkpoint of a step was written before what was set after that step.
        """
        unheard = {control.number for control in assignment.controls if control.step is None}
        made = {
            applied.number: (applied, line)
            for applied, line in earlier.applied
            if applied.number in unheard and applied.step < step
        }
        lines = [line for applied, line in made.values() if applied.step <= assignment.last_step]
        for number in range(assignment.last_step + 1, step + 1):
            lines += earlier.steps[number]
            lines += [line for applied, line in made.values() if applied.step == number]
        repeated: dict[int, list[Control]] = defaultdict(list)
        for control in assignment.controls:
            if control.step is not None and control.step >= step:
                repeated[control.step].append(control)
        pending = [c for c in assignment.controls if c.step is None and c.number not in made]
        return cls(step=step, unsent=lines, repeated=dict(repeated), pending=pending)


class _Found:
    """What one spool holds. Lines of steps that the server has are passed over: there may be gigabytes of them."""

    def __init__(self, *, beyond: int) -> None:
        self.first: int | None = None
        self.steps: dict[int, list[bytes]] = {}
        self.applied: list[tuple[Applied, bytes]] = []
        self._beyond = beyond

    def read(self, path: Path) -> None:
        try:
            with path.open("rb") as lines:
                for line in lines:
                    # A line that a crash has cut is none: a checkpoint before it then does.
                    with suppress(ValueError, AttributeError, KeyError, TypeError):
                        self._take(line)
        except FileNotFoundError:
            return

    def _take(self, line: bytes) -> None:
        ((kind, body),) = json.loads(line).items()
        match kind:
            case "step":
                step = int(body["step"])
                self.first = step if self.first is None else min(step, self.first)
                if step > self._beyond:
                    self.steps[step] = [line]
            case "cg" | "spectrum":
                if (step := int(body["step"])) in self.steps:  # they follow their step
                    self.steps[step].append(line)
            case "applied":
                self.applied.append((Applied.model_validate(body), line))
