"""Who is how fast on which problem: optimizers tuned alike, the winners run with five seeds, raw numbers and a page.

    python benchmarks/evidence.py [--trials 6] [--seeds 5] [--scan 5] [--scale 0.25] [--device cpu]
                                  [--measure seconds] [--contest digits] [--contender adam] [--write docs/evidence]

Every optimizer gets the same number of trials, drawn by the same estimator, each with the same training time on one
thread, on a clock that stands still while the loss on all training cases is looked at; and then the same number again,
each with the same work in gradients of the training set. Its best trial is run with other seeds, and its main setting
scanned over its whole range. Several measurements make one page: `python benchmarks/evidence_page.py`.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from zlib import crc32

import torch
from contests import CONTENDERS, CONTESTS, Contender, Contest
from evidence_page import page
from evidence_record import Kind, Recorder, Run, recorded
from table import Circumstances
from trials import Measure, Outcome, run

from hessianfree_lab.records.sweeps import Dimension, Params, SweepSpec, Trial
from hessianfree_lab.sweeps.study import propose

BATCH = "problem_params.batch_size"
STARTUP_TRIALS = 5
"""Drawn at random, before the estimator has something to go by."""
WARM_UP = 0.05
"""The share of an amount that is trained before anything is measured, so that nobody pays for what torch does once."""


@dataclass(frozen=True, kw_only=True)
class Race:
    """A contender on a problem, with so much of one measure a run; `scale` of what the problem says."""

    contest: Contest
    contender: Contender
    measure: Measure
    scale: float
    device: str = "cpu"

    @property
    def amount(self) -> float:
        return self.scale * self.contest.amount(self.measure)

    def tuned(self, trials: int) -> Iterator[tuple[Run, Params]]:
        """Trials one after the other, each proposed from those before; the value is the lowest loss reached."""
        sweep = self._sweep(trials)
        known: list[Trial] = []
        for number in range(trials):
            params = propose(sweep, known, number)
            trial = self._run("trial", number, params)
            value = trial.outcome.lowest if math.isfinite(trial.outcome.lowest) else None
            ended = "failed" if value is None else "completed"
            known.append(Trial(number=number, params=params, state=ended, value=value, runs=[]))
            yield trial, params

    def repeated(self, best: Params, seeds: int) -> Iterator[Run]:
        """The best settings, with seeds that they were not tuned for."""
        for seed in range(1, seeds + 1):
            yield self._run("seed", seed, best, seed=seed)

    def scanned(self, best: Params, count: int) -> Iterator[Run]:
        """The best settings, but for the main one: even in logarithm over its whole range, both ends included."""
        bounds = self.contender.space[self.contender.main]
        low, high = math.log(bounds["low"]), math.log(bounds["high"])
        for number in range(count):
            value = math.exp(low + (high - low) * number / (count - 1))
            yield self._run("scan", number, best | {f"optimizer_params.{self.contender.main}": value})

    def warmed_up(self) -> Outcome:
        """A short run that is not counted; it tells whether the contender is made for the problem."""
        return self._trained(propose(self._sweep(1), [], 0), seed=0, share=WARM_UP)

    def _run(self, kind: Kind, number: int, params: Params, *, seed: int = 0) -> Run:
        return Run(
            measure=self.measure,
            contest=self.contest.name,
            contender=self.contender.name,
            kind=kind,
            number=number,
            settings=_told(params),
            outcome=self._trained(params, seed=seed),
        )

    def params_of(self, params: Params, *, amount: float) -> dict[str, dict[str, Any]]:
        """What is set and what was drawn, as a job has it: `problem_params` and `optimizer_params`."""
        below = {"problem_params": dict(self.contest.params), "optimizer_params": dict(self.contender.params)}
        for path, value in params.items():
            section, _, name = path.partition(".")
            below[section][name] = value
        if self.measure == "equivalents" and "lr_schedule" in self.contender.space:
            # A job's budget knows no work, but these take a gradient of a batch a step.
            batch, cases = below["problem_params"].get("batch_size"), self.contest.cases
            steps = amount * cases / batch if batch and cases else amount
            below["optimizer_params"]["lr_steps"] = max(1, round(steps))
        return below

    def _trained(self, params: Params, *, seed: int, share: float = 1.0) -> Outcome:
        amount = share * self.amount
        return run(
            self.contest.problem,
            optimizer=self.contender.optimizer,
            **self.params_of(params, amount=amount),
            measure=self.measure,
            amount=amount,
            device=self.device,
            seed=seed,
        )

    def _sweep(self, trials: int) -> SweepSpec:
        space: dict[str, Any] = {
            f"optimizer_params.{name}": value for name, value in self.contender.space.items()
        }
        if (batches := self.contender.batches_of(self.contest)) != (None,):
            space[BATCH] = {"choices": list(batches)}
        return SweepSpec.model_validate(
            {
                "base": {"problem": self.contest.problem, "optimizer": self.contender.optimizer},
                "search": {
                    "method": "tpe",
                    "trials": trials,
                    # Each draws its own first trials: nobody is lucky or unlucky with everybody else.
                    "seed": crc32(f"{self.measure} {self.contest.name} {self.contender.name}".encode()) >> 1,
                    "startup_trials": STARTUP_TRIALS,
                    "space": {path: Dimension.model_validate(value) for path, value in space.items()},
                },
            }
        )


def measure(race: Race, recorder: Recorder, options: argparse.Namespace) -> None:
    """All runs of a contender on a problem."""
    label = f"{race.measure:12s} {race.contest.name:12s} {race.contender.name:14s}"
    if not race.contender.batches_of(race.contest):
        print(f"{label} has no cases to draw from", flush=True)
        return
    first = race.warmed_up()
    if first.refused:
        print(f"{label} {first.failed}", flush=True)
        return
    best, lowest = None, math.inf
    for trial, params in race.tuned(options.trials):
        recorder.add(trial)
        if best is None or trial.outcome.lowest < lowest:
            best, lowest = params, trial.outcome.lowest
    assert best is not None
    print(f"{label} {lowest:.6g}  {_told(best)}", flush=True)
    for repeated in race.repeated(best, options.seeds):
        recorder.add(repeated)
    for scanned in race.scanned(best, options.scan):
        recorder.add(scanned)


def _told(params: Params) -> str:
    """Without the dots before them: "lr 0.01, batch_size all"."""
    return ", ".join(
        f"{path.rpartition('.')[2]} {'all' if value is None else f'{value:.2g}' if isinstance(value, float) else value}"
        for path, value in params.items()
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=6, help="of each optimizer on each problem")
    parser.add_argument("--seeds", type=int, default=5, help="of the winners")
    parser.add_argument("--scan", type=int, default=5, help="values of the main setting; 0: none")
    parser.add_argument("--scale", type=float, default=0.25, help="of all amounts")
    parser.add_argument("--device", default="cpu", help="as torch names it")
    parser.add_argument("--measure", action="append", choices=get_args(Measure), help="default: both")
    parser.add_argument("--contest", action="append", choices=[contest.name for contest in CONTESTS])
    parser.add_argument("--contender", action="append", choices=[contender.name for contender in CONTENDERS])
    parser.add_argument(
        "--write", type=Path, metavar="STEM", help="STEM.csv, STEM-losses.csv, STEM.md, figures"
    )
    options = parser.parse_args()
    if options.scan == 1:
        parser.error("--scan 1 has no range; at least 2, or 0")
    return options


def _command(options: argparse.Namespace) -> list[str]:
    told = {name: getattr(options, name) for name in ("trials", "seeds", "scan", "scale", "device")}
    words = ["benchmarks/evidence.py", *(f"--{name} {value}" for name, value in told.items())]
    for name in ("measure", "contest", "contender"):
        words += [f"--{name} {value}" for value in getattr(options, name) or ()]
    return words


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    default = [contest.name for contest in CONTESTS if contest.device == options.device.partition(":")[0]]
    contests = [contest for contest in CONTESTS if contest.name in (options.contest or default)]
    contenders = [one for one in CONTENDERS if one.name in (options.contender or [one.name])]
    circumstances = Circumstances.of_now(options.device, _command(options)).line()
    with TemporaryDirectory() as folder:
        stem = options.write or Path(folder, "evidence")
        recorder = Recorder(stem, circumstances)
        for which, contest, one in product(options.measure or get_args(Measure), contests, contenders):
            race = Race(
                contest=contest, contender=one, measure=which, scale=options.scale, device=options.device
            )
            measure(race, recorder, options)
        print(page(*recorded(stem), stem=options.write))


if __name__ == "__main__":
    main()
