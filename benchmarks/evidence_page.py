"""The page of the evidence, from its raw numbers: who reached the targets when, losses as plainly as wins.

python benchmarks/evidence_page.py STEM... --write docs/evidence
"""

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contests import CONTENDERS, CONTESTS, Contender, Contest
from evidence_figures import curves, profile_figure, save_all
from evidence_record import Run, files_of, joined, recorded
from trials import Measure

from hessianfree_lab.figures.comparing.profiles import performance_profiles
from hessianfree_lab.figures.comparing.targets import middle_of, suggested

REMAINDERS = {"near": 0.1, "far": 0.01}
"""Of the largest decrease that anybody made on a problem, what is left at each of the two targets."""
WITHIN = 2.0
FACTORS = (1, 2, 5, 20)
HEADINGS: Mapping[Measure, str] = {"seconds": "By time", "equivalents": "By work"}
UNITS: Mapping[Measure, str] = {"seconds": "s", "equivalents": "gradients"}

_HEAD = """# Who is how fast

Each optimizer was tuned on each problem by the same number of trials (Optuna's TPE, the first five at random, drawn for
each optimizer apart) towards the lowest loss at the end of the same budget; once a budget of training time on one
thread, and once one of work, in gradients of the whole training set. Who is made for mini-batches could also choose a
batch size. The best settings were then run with seeds that they were not tuned for.

Losses are those on all training cases: this page is about optimization, not about held-out data. They are looked at
sixty times a run, off the clock; no time here is finer than a sixtieth of the budget. The near target leaves 10 % of
the largest decrease that anybody made on the problem with that budget, the far one 1 %. A run that does not get there,
or diverges, counts as infinitely slow, and so, over all problems, does an optimizer that is not made for one (a
physics-informed network has no cases to draw from). Work on matrices of the parameters alone is in no count of
gradients; seconds tell it. In brackets: quartiles over seeds.

No published figure stands beside these: problems, sizes, and machines differ from those of the papers, and the curves
are made by a generator of our own.

Raw numbers: [{runs}]({runs}), a row a run, and [{losses}]({losses}), a row each new low of a run's loss. Measured by

{circumstances}
"""


class Results:
    """The runs of one measure, in the order of the problems and of the contenders."""

    def __init__(self, measure: Measure, runs: Iterable[Run]) -> None:
        self.measure: Measure = measure
        self._runs = [run for run in runs if run.measure == measure]
        names = {run.contest for run in self._runs}
        self.contests = [contest for contest in CONTESTS if contest.name in names]
        names = {run.contender for run in self._runs}
        self.contenders = [contender for contender in CONTENDERS if contender.name in names]

    def groups(self, contest: Contest, kind: str) -> dict[Contender, list[Run]]:
        found = {
            contender: [
                run
                for run in self._runs
                if (run.contest, run.contender, run.kind) == (contest.name, contender.name, kind)
            ]
            for contender in self.contenders
        }
        return {contender: runs for contender, runs in found.items() if runs}

    def targets(self, contest: Contest) -> dict[str, float]:
        """The near and the far target of a problem, from the runs of all contenders' seeds."""
        ends = [
            (run.outcome.marks[0].loss if run.outcome.marks else None, run.outcome.lowest)
            for runs in self.groups(contest, "seed").values()
            for run in runs
        ]
        found = {name: suggested(ends, remainder) for name, remainder in REMAINDERS.items()}
        return {name: target for name, target in found.items() if target is not None}

    def costs(self, runs: Iterable[Run], target: float) -> list[float]:
        """What each run had spent when it got there; infinite: it did not."""
        marks = [run.outcome.first_below(target) for run in runs]
        return [mark.spent(self.measure) if mark else math.inf for mark in marks]

    def instances(self) -> dict[str, dict[Contender, float]]:
        """For each problem and target the median cost of each contender; infinite for who is not made for it."""
        found: dict[str, dict[Contender, float]] = {}
        for contest in self.contests:
            groups = self.groups(contest, "seed")
            for which, target in self.targets(contest).items():
                found[f"{contest.name}, {which}"] = {
                    one: middle_of(self.costs(groups[one], target)) if one in groups else math.inf
                    for one in self.contenders
                }
        return found


def page(circumstances: Sequence[str], runs: Sequence[Run], *, stem: Path | None) -> str:
    """The page; with a `stem`, the file STEM.md and its figures are written."""
    name = stem.name if stem else "evidence"
    files = files_of(Path(name))
    lines = [
        _HEAD.format(
            runs=files[0].name,
            losses=files[1].name,
            circumstances="\n".join(f"- {line}" for line in circumstances),
        )
    ]
    figures: dict[str, Any] = {}
    every = [results for results in (Results(measure, runs) for measure in HEADINGS) if results.contests]
    lines += ["## In short", ""]
    for results in every:
        lines += [f"{HEADINGS[results.measure]}:", "", *_in_short(results), ""]
    for results in every:
        lines += [f"## {HEADINGS[results.measure]}", "", *_measured(results, name, figures)]
    if stem is not None:
        stem.with_name(f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        save_all({stem.with_name(f"{name}-{key}.svg"): figure for key, figure in figures.items()})
    return "\n".join(lines) + "\n"


def _in_short(results: Results) -> list[str]:
    """For each problem and target who was first, and how far behind the best Hessian-free method and the best other."""
    rows = []
    for instance, costs in results.instances().items():
        order = sorted(costs, key=lambda one: costs[one])
        first = order[0]
        if math.isinf(costs[first]):
            rows.append([instance, "nobody", "", ""])
            continue
        cells = [instance, f"{first.title}, {costs[first]:.3g} {UNITS[results.measure]}"]
        for is_hessian_free in (True, False):
            best = next((one for one in order if one.is_hessian_free is is_hessian_free), None)
            cells.append(_behind(best, costs, first))
        rows.append(cells)
    return _markdown(["problem, target", "first", "best Hessian-free", "best other"], rows)


def _behind(one: Contender | None, costs: Mapping[Contender, float], first: Contender) -> str:
    if one is None:
        return ""
    if one == first:
        return "first"
    return "not reached" if math.isinf(costs[one]) else f"{one.title}, {costs[one] / costs[first]:.1f}x"


def _measured(results: Results, name: str, figures: dict[str, Any]) -> list[str]:
    measure, lines = results.measure, []
    for contest in results.contests:
        key = f"{contest.name}-{measure}"
        figures[key] = curves(contest, measure, results.groups(contest, "seed"))
        lines += [f"### {contest.title}", "", f"![Loss against {measure}]({name}-{key}.svg)", ""]
        lines += [*_table(results, contest), ""]
    costs = {
        one.name: {instance: found[one] for instance, found in results.instances().items()}
        for one in results.contenders
    }
    profiles = performance_profiles(costs)
    known = {one.name: one for one in results.contenders}
    figures[f"profile-{measure}"] = profile_figure(profiles, known)
    lines += ["### Over all problems", "", f"![Performance profile]({name}-profile-{measure}.svg)", ""]
    lines += _markdown(
        ["share of problems and targets reached", *(f"within {factor}x the best" for factor in FACTORS)],
        [
            [known[profile.solver].title, *(f"{profile.within(factor):.0%}" for factor in FACTORS)]
            for profile in sorted(profiles, key=lambda profile: -profile.within(WITHIN))
        ],
    )
    return [*lines, "", "### How much it matters to tune", "", *_robustness(results), ""]


def _table(results: Results, contest: Contest) -> list[str]:
    targets, rows = results.targets(contest), []
    for contender, runs in results.groups(contest, "seed").items():
        cells, order = [contender.title, runs[0].settings], []
        for target in targets.values():
            marks = [run.outcome.first_below(target) for run in runs]
            cells.append(f"{sum(mark is not None for mark in marks)}/{len(marks)}")
            cells.append(_spread([mark.seconds if mark else math.inf for mark in marks]))
            cells.append(_spread([mark.equivalents if mark else math.inf for mark in marks]))
            order.append(middle_of(results.costs(runs, target)))
        lowest = middle_of([run.outcome.lowest for run in runs])
        rows.append(([*reversed(order), lowest], [*cells, f"{lowest:.4g}"]))
    head = ["", "settings"]
    for name, target in targets.items():
        head += [f"{name}: {target:.4g}", "seconds", "gradients"]
    return _markdown([*head, "lowest loss"], [cells for _, cells in sorted(rows, key=lambda row: row[0])])


def _robustness(results: Results) -> list[str]:
    """At how many of the scanned values the near target takes at most twice as much as at the best of them."""
    text = (
        "The main setting (damping, or learning rate) was scanned over the range that it was tuned in, the others at "
        f"their best. Here is at how many of the values the near target was reached with at most {WITHIN:g} times what "
        "the best of them took."
    )
    rows = []
    for contender in results.contenders:
        bounds, cells = contender.space[contender.main], []
        for contest in results.contests:
            near = results.targets(contest).get("near", -math.inf)
            costs = results.costs(results.groups(contest, "scan").get(contender, []), near)
            best = min(costs, default=math.inf)
            good = sum(cost <= WITHIN * best for cost in costs) if math.isfinite(best) else 0
            cells.append(f"{good}/{len(costs)}" if costs else "")
        setting = f"{contender.title}, {contender.main} {bounds['low']:g} to {bounds['high']:g}"
        rows.append([setting, *cells])
    return [text, "", *_markdown(["", *(contest.name for contest in results.contests)], rows)]


def _spread(values: Sequence[float]) -> str:
    """Median and quartiles; a dash: most did not get there."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], method="nearest")
    if math.isinf(middle):
        return "–"
    return f"{middle:.3g} [{low:.3g}, {'–' if math.isinf(high) else f'{high:.3g}'}]"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "stems", nargs="+", type=Path, metavar="STEM", help="as benchmarks/evidence.py wrote them"
    )
    parser.add_argument("--write", type=Path, required=True, metavar="STEM", help="where all of it goes")
    options = parser.parse_args()
    if options.stems != [options.write]:
        joined(options.stems, options.write)
    page(*recorded(options.write), stem=options.write)


if __name__ == "__main__":
    main()
