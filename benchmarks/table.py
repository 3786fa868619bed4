"""The table of measured ratios: on the screen, as Markdown, as JSON."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from machine import processor
from timing import Spread

COLUMNS = (
    f"{'measured':42s} {'workload':12s} {'median':>7s}  {'quartiles':15s} {'target':>7s}  {'met':4s} apart"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One ratio. `apart`: the relative distance of both sides' results; more than `bound` is wrong."""

    measured: str
    workload: str
    spread: Spread
    target: str = ""  # "<= 1.25", ">= 1.5"; empty: none
    apart: float | None = None
    bound: float = 0.0

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if not self.target:
            return None
        relation, value = self.target.split()
        return self.spread.median <= float(value) if relation == "<=" else self.spread.median >= float(value)

    @property
    def agrees(self) -> bool:
        return self.apart is None or self.apart <= self.bound  # a NaN does not

    def cells(self) -> list[str]:
        met = {None: "", True: "yes", False: "no"}[self.met]
        apart = "" if self.apart is None else f"{self.apart:.0e}" + ("" if self.agrees else " WRONG")
        quartiles = f"{self.spread.low:.2f} .. {self.spread.high:.2f}"
        return [self.measured, self.workload, f"{self.spread.median:.2f}", quartiles, self.target, met, apart]

    def line(self) -> str:
        measured, workload, median, quartiles, target, met, apart = self.cells()
        return f"{measured:42s} {workload:12s} {median:>7s}  {quartiles:15s} {target:>7s}  {met:4s} {apart}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """When and where a table was measured."""

    date: str
    processor: str
    device: str
    threads: int
    torch: str
    load: float  # of the machine, over the minute before
    command: str

    @classmethod
    def of_now(cls, device: str, command: Sequence[str]) -> "Circumstances":
        return cls(
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            processor=processor(),
            device=torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
            threads=torch.get_num_threads(),
            torch=torch.__version__,
            load=round(os.getloadavg()[0], 2),
            command=" ".join(["python", *command]),
        )

    def line(self) -> str:
        return (
            f"{self.date}, {self.processor}, {self.device}, {self.threads} threads, torch {self.torch}, float32, "
            f"load {self.load} at the start; {self.command}"
        )


def write(file: Path, circumstances: Circumstances, rows: Sequence[Row]) -> None:
    """As Markdown where the file's name ends in .md, else as JSON."""
    if file.suffix == ".md":
        file.write_text(_markdown(circumstances, rows), encoding="utf-8")
        return
    content = {
        "circumstances": asdict(circumstances),
        "rows": [{**asdict(row), "met": row.met, "agrees": row.agrees} for row in rows],
    }
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


_HEAD = """# Speed and memory, measured

The engine beside `benchmarks/predecessor.py`, a plain transcription of the earlier implementation's algorithm on
BackPACK's products. Both take turns in one run, from the same parameters, with the same damping and 30 CG
iterations a step; a ratio is the median over the rounds. "plain" and "recorded" are the two ways to a product (see
engine.md); "apart" is how far both results lie from each other.
"""


def _markdown(circumstances: Circumstances, rows: Sequence[Row]) -> str:
    head = ["measured", "workload", "median", "quartiles", "target", "met", "apart"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return (
        "\n".join([_HEAD, circumstances.line(), "", *("| " + " | ".join(cells) + " |" for cells in lines)])
        + "\n"
    )
