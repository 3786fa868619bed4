"""What the engine's speed and memory are, beside its predecessor's, as one table of ratios.

    python benchmarks/speed.py [--rounds 5] [--device cpu] [--only 'conv net'] [--quick] [--write FILE.md]

A product is given in units of one gradient of the same round; a step as predecessor / here (above 1: the engine is
faster), from the same parameters and CG start with the same damping and number of CG iterations, in turns; memory as
here / predecessor, each in a process of its own. Last comes how far both sides' results (a product, or the CG model's
values over the first iterations) lie apart: where it is too far the row says WRONG and the script ends with 1.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contenders import WAYS, Contender, Earlier, Here, Start
from memory import peak_of_step
from products import product_rows
from table import COLUMNS, Circumstances, Row, write
from timing import Spread, Turn, ratios, take_turns
from workloads import WORKLOADS, Workload

STEP_TARGETS = {
    "GGN plain": {"autoencoder": ">= 1.5", "conv net": ">= 1.4", "tanh RNN": ">= 1.7"},
    "GGN recorded": {"conv net": ">= 1.9", "tanh RNN": ">= 3.5"},
    "Hessian plain": {"autoencoder": ">= 2.4", "conv net": ">= 2.5", "tanh RNN": ">= 3.0"},
}
NAMES = {"ggn": "GGN", "hessian": "Hessian"}
EARLY = 5  # CG iterations whose model values are compared: rounding alone drives later ones apart
SAME_VALUES = 1e-4  # in float32


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int
    iterations: int = 30  # of CG, a step
    batches: int = 4  # of an acc_step
    samples: int | None = None  # None: the workloads' own
    device: str = "cpu"

    def workload(self, index: int) -> Workload:
        sizes = {} if self.samples is None else {"samples": self.samples}
        return WORKLOADS[index](self.device, **sizes)


def rows(effort: Effort, indices: Sequence[int]) -> Iterator[Row]:
    """The table of these workloads, as it is measured."""
    for index in indices:
        yield from product_rows(effort.workload(index), 3 * effort.rounds, effort.device)
    for index in indices:
        for curvature_opt in NAMES:
            yield from step_rows(effort, index, curvature_opt)
    for index in indices:
        yield from step_rows(effort, index, "ggn", accumulated=True)
    for index in indices:
        for curvature_opt in NAMES:
            yield from memory_rows(effort, index, curvature_opt)


def step_rows(effort: Effort, index: int, curvature_opt: str, *, accumulated: bool = False) -> Iterator[Row]:
    """predecessor / here for whole steps, in each of the engine's ways."""
    start = Start.after_one_step(effort.workload(index), curvature_opt, effort.iterations)
    earlier = Earlier(effort.workload(index), curvature_opt, effort.iterations)
    here = {
        f"{NAMES[curvature_opt]} {way}": Here(
            effort.workload(index), curvature_opt, effort.iterations, execution
        )
        for way, execution in WAYS.items()
    }
    batches = effort.workload(index).batches(effort.batches)

    def turn(contender: Contender) -> Turn:
        step = partial(contender.acc_step, batches) if accumulated else contender.step
        return Turn(run=step, prepare=partial(contender.rewind, start))

    turns = {name: turn(contender) for name, contender in here.items()}
    times = take_turns({"predecessor": turn(earlier), **turns}, effort.rounds, effort.device)
    title = effort.workload(index).title
    for name, contender in here.items():
        yield Row(
            measured=f"predecessor/here, {'acc_step' if accumulated else 'step'}, {name}",
            workload=title,
            spread=ratios(times["predecessor"], times[name]),
            target=">= 1.5" if accumulated else STEP_TARGETS.get(name, {}).get(title, ""),
            apart=apart(contender.model_values(), earlier.model_values()),
            bound=SAME_VALUES,
        )


def memory_rows(effort: Effort, index: int, curvature_opt: str) -> Iterator[Row]:
    """here / predecessor for the peak of a step."""
    peak = partial(
        peak_of_step,
        index,
        curvature_opt,
        iterations=effort.iterations,
        samples=effort.samples,
        device=effort.device,
    )
    before, right = peak(way=None)
    for way in WAYS:
        now, values = peak(way=way)
        yield Row(
            measured=f"here/predecessor, memory, {NAMES[curvature_opt]} {way}",
            workload=effort.workload(index).title,
            spread=Spread.of([now / before]),
            target="<= 1.0",
            apart=apart(values, right),
            bound=SAME_VALUES,
        )


def apart(values: Sequence[float], right: Sequence[float]) -> float:
    """The largest relative difference over the first iterations."""
    return max(abs(a - b) / abs(b) for a, b in zip(values[: EARLY + 1], right[: EARLY + 1], strict=True))


def main() -> None:
    titles = [make().title for make in WORKLOADS]
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--only", metavar="WORKLOAD", choices=titles, help=f"one of {', '.join(titles)}")
    arguments.add_argument(
        "--quick", action="store_true", help="a few samples and rounds: does it run at all?"
    )
    arguments.add_argument("--write", type=Path, metavar="FILE", help="keep the table, as .md or .json")
    options = arguments.parse_args()
    effort = (
        Effort(rounds=1, iterations=EARLY, samples=8, device=options.device)
        if options.quick
        else Effort(rounds=options.rounds, device=options.device)
    )
    warnings.simplefilter("ignore")  # of negative curvature, which the Hessian meets on purpose

    circumstances = Circumstances.of_now(options.device, sys.argv)
    print(circumstances.line())
    print(COLUMNS)
    table = []
    indices = [index for index, title in enumerate(titles) if options.only in (None, title)]
    for row in rows(effort, indices):
        print(row.line(), flush=True)
        table.append(row)
    if options.write:
        write(options.write, circumstances, table)
    if not all(row.agrees for row in table):
        raise SystemExit("some results differ by more than rounding: see WRONG above")


if __name__ == "__main__":
    main()
