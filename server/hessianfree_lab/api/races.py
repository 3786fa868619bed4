"""What it took runs to reach a target, read from the store, and who is the fastest."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from hessianfree_lab.api.run_values import sum_of
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.figures.comparing.comparison import Group
from hessianfree_lab.figures.comparing.groups import group_by
from hessianfree_lab.figures.comparing.profiles import performance_profiles, shared_instances
from hessianfree_lab.figures.comparing.targets import middle_of, reached, suggested
from hessianfree_lab.figures.comparing.values import COUNTED
from hessianfree_lab.figures.material import Race
from hessianfree_lab.records import Run
from hessianfree_lab.store.interface import Store

COSTS = ("step", "seconds", "elapsed", *COUNTED)
FEWEST_INSTANCES = 2


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A run's target and what it had cost when it was reached, by cost; None: never, or not measured."""

    run: Run
    target: float | None
    costs: Mapping[str, float] | None


def arrivals(store: Store, run_ids: Sequence[str], *, metric: str, target: float | None) -> list[Arrival]:
    """Of each run, in the order given. Without a target each problem gets the one that is suggested for it."""
    runs = store.get_runs(run_ids)
    wanted = _suggested(runs, metric)
    if target is not None:
        wanted = dict.fromkeys(wanted, target)
    found = []
    for run in runs:
        aim = wanted[problem_of(run)]
        costs = None
        if aim is not None:
            make = partial(_costs, store, metric=metric, aim=aim)
            costs = store.answers([run.id], ("costs", metric, aim), make)[run.id]
        found.append(Arrival(run=run, target=aim, costs=costs))
    return found


def _costs(store: Store, run_id: str, *, metric: str, aim: float) -> Mapping[str, float] | None:
    """What the run had spent when it reached `aim`, by cost."""
    rows = store.measurements(run_id, [metric, *COUNTED], along=("step", "seconds", "elapsed"))
    values, measured = rows.columns[metric]
    row = reached(np.where(measured, values, np.nan), aim)
    if row is None:
        return None
    costs = {x: float(places[row]) for x, places in rows.x.items()}
    for name in COUNTED:
        amounts, there = rows.columns[name]
        if there[: row + 1].any():
            costs[name] = sum_of(amounts[: row + 1], there[: row + 1])
    return costs


def race_of(
    store: Store, run_ids: Sequence[str], *, metric: str, target: float | None, cost: str, group: str
) -> Race:
    """The groups' performance profiles, on instances that all of them have run; in a sentence why there are none."""
    if cost not in COSTS:
        raise InvalidRequest([Fault("x", f"x is {cost!r}; it must be one of {', '.join(COSTS)}.")])
    found = arrivals(store, run_ids, metric=metric, target=target)
    groups = group_by([arrival.run for arrival in found], group)
    if len(groups) < 2:
        return Race(caption=f"All of these runs have the same {group}: there is nobody to be compared with.")
    costs, shared, noun = _on_shared_instances(found, groups, cost)
    if len(shared) < FEWEST_INSTANCES:
        return Race(
            caption=(
                "A profile needs at least two problems, or two seeds of one, that every group has run; these groups "
                f"have {len(shared)} in common."
            )
        )
    profiles = performance_profiles({name: {key: of[key] for key in shared} for name, of in costs.items()})
    left_out = len({key for of in costs.values() for key in of}) - len(shared)
    rest = f"; {left_out} that not every group has run are left out" if left_out else ""
    aim = "the target" if target is not None else "90 % of the best decrease"
    return Race(
        profiles=tuple(profiles),
        colours=tuple(solver.colour for solver in groups),
        caption=f"{len(shared)} {noun}{rest}. Solved: {aim} was reached.",
    )


def _on_shared_instances(
    found: Sequence[Arrival], groups: Sequence[Group], cost: str
) -> tuple[dict[str, dict[str, float]], list[str], str]:
    """Costs by group and instance, the instances that all groups have, and what they are.

    Instances are problems with their seeds; where groups have too few of those in common, problems.
    """
    by_id = {arrival.run.id: arrival for arrival in found}

    def of(instance_of: Callable[[Run], str]) -> dict[str, dict[str, float]]:
        return {
            group.name: _by_instance([by_id[run_id] for run_id in group.runs], instance_of, cost)
            for group in groups
        }

    costs = of(seeded_problem_of)
    if len(shared := shared_instances(costs)) >= FEWEST_INSTANCES:
        return costs, shared, "problems and seeds"
    costs = of(problem_of)
    return costs, shared_instances(costs), "problems"


def problem_of(run: Run) -> str:
    """The problem with its parameters: what makes losses comparable."""
    given = run.spec.get("problem_params") or {}
    return f"{run.spec.get('problem')} {sorted(given.items(), key=str)}"


def seeded_problem_of(run: Run) -> str:
    """The problem and the seed: what makes runs the same but for the solver."""
    seed = run.spec.get("seed", (run.spec.get("config") or {}).get("seed"))
    return f"{problem_of(run)} {seed}"


def _suggested(runs: Sequence[Run], metric: str) -> dict[str, float | None]:
    ends = defaultdict(list)
    for run in runs:
        extremes = run.summary.get(metric)
        ends[problem_of(run)].append((extremes.first, extremes.min) if extremes else (None, None))
    return {problem: suggested(known) for problem, known in ends.items()}


def _by_instance(
    of_solver: Sequence[Arrival], instance_of: Callable[[Run], str], cost: str
) -> dict[str, float]:
    """The solver's cost on each instance: the median of its runs there, for ever where none arrived."""
    paid = defaultdict(list)
    for arrival in of_solver:
        paid[instance_of(arrival.run)].append((arrival.costs or {}).get(cost, math.inf))
    return {instance: middle_of(costs) for instance, costs in paid.items()}
