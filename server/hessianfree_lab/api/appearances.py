"""What runs that are shown together are called and look like."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hessianfree_lab.figures import palette
from hessianfree_lab.records import Run


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """A run's name among these runs, and the number of its colour and dash."""

    name: str
    colour: int


def appearances(runs: Sequence[Run]) -> list[Appearance]:
    """Of each run, in the order given.

    Runs of one name get the end of their id behind it, which is where ids differ most; of runs of one colour the later
    ones get another.
    """
    times = Counter(run.name for run in runs)
    return [
        Appearance(name=f"{run.name} ({run.id[-4:]})" if times[run.name] > 1 else run.name, colour=colour)
        for run, colour in zip(runs, palette.assign([run.colour for run in runs]), strict=True)
    ]
