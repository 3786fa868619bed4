"""Optuna, asked for one trial at a time. Nothing of it is kept: docs/decisions/0126 and 0127."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hessianfree_lab.records.spaces import Choice, Dimension, Params, Space, applies, in_order
from hessianfree_lab.records.sweeps import Search, SweepSpec, Trial

if TYPE_CHECKING:
    import optuna

MOST_JUDGED = 2000
"""Trials that importances are worked out from."""
_SEEDS = 2**32


def propose(spec: SweepSpec, trials: Sequence[Trial], number: int) -> Params:
    """What trial `number` is to try, given those before it. The same history gives the same answer."""
    import optuna

    space = spec.search.space
    distributions = _distributions(space)
    seed = (spec.sampler_seed * 1_000_003 + number) % _SEEDS
    sampler: optuna.samplers.BaseSampler
    if spec.search.method == "random":
        sampler, known = optuna.samplers.RandomSampler(seed=seed), None
    else:
        sampler = _parzen(spec.search, seed)
        known = trials
    asked = _study(spec, known or (), distributions, sampler).ask()
    params: Params = {}
    for name in in_order(space):
        if applies(space[name], params):
            params[name] = _suggested(asked, name, distributions[name])
    return {name: params[name] for name in space if name in params}


def importances(spec: SweepSpec, trials: Sequence[Trial]) -> dict[str, float]:
    """How much each parameter decides whether a trial is among the best: shares of 1, the largest first.

    By PED-ANOVA [Watanabe, Bansal, Hutter 2023]. Empty with fewer than two completed trials, or where nothing differs.
    Of more than MOST_JUDGED trials an even sample: a study of 10,000 takes seconds to be made.
    """
    from optuna.importance import PedAnovaImportanceEvaluator

    if sum(trial.value is not None for trial in trials) < 2:
        return {}
    told = [trial for trial in trials if trial.state == "pruned" or _is_told(trial)]
    distributions = _distributions(spec.search.space)
    study = _study(spec, _ranked(spec, told[:: -(-len(told) // MOST_JUDGED)]), distributions, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is experimental, and of trials that are all alike
        found = PedAnovaImportanceEvaluator().evaluate(study)
    total = sum(found.values())
    if not math.isfinite(total) or total <= 0:
        return {}
    return {name: share / total for name, share in sorted(found.items(), key=lambda item: -item[1])}


def _ranked(spec: SweepSpec, trials: Sequence[Trial]) -> list[Trial]:
    """The trials with their ranks as values, those that failed or were pruned behind all others.

    The evaluator asks for nothing but who is among the best, and leaves out what is not finite.
    """
    sign = 1 if spec.objective.goal == "minimize" else -1
    worths = sorted({sign * trial.value for trial in trials if trial.value is not None})
    ranks = {worth: rank for rank, worth in enumerate(worths)}
    return [
        trial.model_copy(
            update={
                "state": "completed",
                "value": sign * float(len(ranks) if trial.value is None else ranks[sign * trial.value]),
            }
        )
        for trial in trials
    ]


def _parzen(search: Search, seed: int) -> "optuna.samplers.TPESampler":
    """Of a conditional space the parameters that apply together are drawn together."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=search.startup_trials,
            multivariate=True,
            group=any(dimension.when for dimension in search.space.values()),
            constant_liar=True,
        )


def _suggested(trial: "optuna.Trial", name: str, distribution: Any) -> Choice:
    import optuna

    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    suggest: Any = (
        trial.suggest_int
        if isinstance(distribution, optuna.distributions.IntDistribution)
        else trial.suggest_float
    )
    found: Choice = suggest(
        name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
    )
    return found


def _study(
    spec: SweepSpec,
    trials: Sequence[Trial],
    distributions: Mapping[str, Any],
    sampler: "optuna.samplers.BaseSampler | None",
) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler, direction=spec.objective.goal)
    for trial in trials:
        if trial.state in ("queued", "running"):
            told: dict[str, Any] = {"state": optuna.trial.TrialState.RUNNING}
        elif _is_told(trial):
            told = {"value": spec.objective.worst if trial.value is None else trial.value}
        elif trial.state == "pruned":
            told = {"state": optuna.trial.TrialState.PRUNED, "intermediate_values": _intermediate(trial)}
        else:
            told = {"state": optuna.trial.TrialState.FAIL}
        applied = {name: distributions[name] for name in trial.params}
        study.add_trial(optuna.trial.create_trial(params=trial.params, distributions=applied, **told))
    return study


def _intermediate(trial: Trial) -> dict[int, float]:
    """By rung: the sampler wants to know how far a trial came, not in which units."""
    return {place: reached.value for place, reached in enumerate(trial.rungs) if reached.value is not None}


def _is_told(trial: Trial) -> bool:
    """Whether its end says something of its parameters."""
    return trial.state == "completed" or (trial.state == "failed" and not trial.is_uninformative)


def _distributions(space: Space) -> dict[str, Any]:
    return {path: _distribution(dimension) for path, dimension in space.items()}


def _distribution(dimension: Dimension) -> Any:
    import optuna

    if dimension.choices is not None:
        return optuna.distributions.CategoricalDistribution(dimension.choices)
    low, high, step, log = dimension.low, dimension.high, dimension.step, dimension.log
    if isinstance(low, int) and isinstance(high, int) and (step is None or isinstance(step, int)):
        return optuna.distributions.IntDistribution(
            low, _reached(low, high, step or 1), log=log, step=step or 1
        )
    assert low is not None
    assert high is not None
    return optuna.distributions.FloatDistribution(float(low), float(high), log=log, step=step)


def _reached(low: int, high: int, step: int) -> int:
    """The last value that steps from `low` come to; Optuna would warn that `high` is not one of them."""
    return low + (high - low) // step * step
