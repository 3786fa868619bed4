"""What a sweep has found, of its trials alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hessianfree_lab.figures.sweeps import Study
from hessianfree_lab.records.spaces import Choice, Dimension, key_of
from hessianfree_lab.records.sweep_reports import Sensitivity, SweepReport
from hessianfree_lab.records.sweeps import Sweep, Trial
from hessianfree_lab.sweeps.study import importances

SHOWN = 10
"""Trials in a report."""
_LEADING = 0.1
_FEWEST_LEADING = 3
_FEWEST_JUDGED = 6
"""Of fewer trials the leading ones would be half of all."""
_EDGE = 0.05


def study_of(sweep: Sweep, trials: Sequence[Trial]) -> Study:
    """The trials with the importance of each parameter."""
    return Study(spec=sweep.spec, trials=trials, importances=importances(sweep.spec, trials))


def report_of(sweep: Sweep, study: Study) -> SweepReport:
    """The best trials and every parameter, the most important first."""
    ranked = study.ranked()
    enough = len(ranked) >= _FEWEST_JUDGED
    leading = ranked[: max(_FEWEST_LEADING, round(_LEADING * len(ranked)))] if enough else []
    found = [
        _sensitivity(name, dimension, ranked, leading, study.importances)
        for name, dimension in study.spec.search.space.items()
    ]
    found.sort(key=lambda each: -(each.importance or 0.0))
    return SweepReport(sweep=sweep, best=ranked[:SHOWN], leading=len(leading), params=found)


def of_parameter(study: Study, name: str) -> Study:
    """The study as a slice along this parameter shows it."""
    return replace(study, param=name)


def _sensitivity(
    name: str,
    dimension: Dimension,
    ranked: Sequence[Trial],
    leading: Sequence[Trial],
    shares: Mapping[str, float],
) -> Sensitivity:
    having = [trial for trial in ranked if name in trial.params]
    found = Sensitivity(
        name=name,
        is_set=bool(ranked) and name in ranked[0].params,
        best=having[0].params[name] if having else None,
        importance=shares.get(name),
    )
    values = [trial.params[name] for trial in leading if name in trial.params]
    if dimension.choices is not None:
        return found.model_copy(update=_of_choices(dimension.choices, values))
    return found.model_copy(update=_of_range(dimension, values) | {"edge": _edge(dimension, found.best)})


def _of_choices(choices: Sequence[Choice], values: Sequence[Choice]) -> dict[str, object]:
    had = {key_of(value) for value in values}
    kept = [choice for choice in choices if key_of(choice) in had]
    return {"choices": kept, "share": len(kept) / len(choices)} if kept else {}


def _of_range(dimension: Dimension, values: Sequence[Choice]) -> dict[str, object]:
    numbers = [value for value in values if isinstance(value, int | float)]
    if not numbers:
        return {}
    low, high = min(numbers), max(numbers)
    return {"low": low, "high": high, "share": _place(dimension, high) - _place(dimension, low)}


def _edge(dimension: Dimension, best: Choice) -> str | None:
    if not isinstance(best, int | float):
        return None
    place = _place(dimension, best)
    return "low" if place < _EDGE else "high" if place > 1 - _EDGE else None


def _place(dimension: Dimension, value: float) -> float:
    """Where in its range a value lies, from 0 to 1."""
    assert dimension.low is not None
    assert dimension.high is not None
    low, high, at = float(dimension.low), float(dimension.high), float(value)
    if dimension.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return (at - low) / (high - low)
