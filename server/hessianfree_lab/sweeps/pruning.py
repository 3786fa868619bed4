"""Successive halving by Optuna's pruner. Its study is not kept: it is told anew what trials were worth at a rung."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hessianfree_lab.records.sweeps import SweepSpec
from hessianfree_lab.store.rungs import Due, Judged, Values, Verdict

if TYPE_CHECKING:
    import optuna

MOST_RIVALS = 300
"""Of more trials at a rung an even sample, from the least value to the greatest: the pruner looks at all for each."""


def judge(spec: SweepSpec, known: Mapping[int, Values], due: Sequence[Due]) -> list[Judged]:
    """What becomes of these trials; `known`: what all trials were worth where they were judged before.

    Who has come to a rung at the same time as others is a rival of theirs, and so is who has ended: that one is not
    judged itself.
    """
    values = {trial.number: trial.known for trial in due}
    pruned: set[int] = set()
    for rung in range(max((len(trial.known + trial.new) for trial in due), default=0)):
        here = {
            trial.number: trial.new[rung - len(trial.known)]
            for trial in due
            if len(trial.known) <= rung < len(trial.known + trial.new) and trial.number not in pruned
        }
        ended = {trial.number for trial in due if trial.has_ended}
        before = [found[rung] for found in known.values() if len(found) > rung]
        for number, value in here.items():
            values[number] = (*values[number], value)
            rivals = [*before, *(other for each, other in here.items() if each != number)]
            if value is not None and number not in ended and _is_left(spec, value, rivals):
                pruned.add(number)
    return [
        Judged(number=trial.number, values=values[trial.number], verdict=_verdict(trial, pruned))
        for trial in due
    ]


def _verdict(trial: Due, pruned: Collection[int]) -> Verdict | None:
    if trial.has_ended:
        return "passed"
    return "pruned" if trial.number in pruned else None


def _is_left(spec: SweepSpec, value: float, rivals: Iterable[float | None]) -> bool:
    """Whether a trial of this value does not go on, at a rung that these have come to."""
    study = _study(spec)
    ranked = sorted(rival for rival in rivals if rival is not None)
    decision = False
    for worth in [*ranked[:: -(-len(ranked) // MOST_RIVALS) or 1], value]:
        trial = study.ask()
        trial.report(worth, step=1)  # the first rung of this study, whichever it is of the sweep
        decision = trial.should_prune()
    return decision


def _study(spec: SweepSpec) -> "optuna.Study":
    import optuna

    pruning = spec.search.pruning
    assert pruning is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=pruning.factor)
    return optuna.create_study(pruner=pruner, direction=spec.objective.goal)
