"""Contenders are tuned alike, on the same amount of time or work."""

import math

import pytest
from contests import CONTENDERS, Contender, Contest
from evidence import Race
from trials import run

SPACE = {"lr": {"low": 0.01, "high": 1.0, "log": True}}
SGD = Contender(name="sgd", title="SGD", optimizer="sgd", space=SPACE, main="lr")
DIGITS = Contest(
    name="digits",
    title="Digits",
    problem="digits-classifier",
    cases=1_497,
    seconds=0.05,
    equivalents=2,
    batches=(500,),
)
NO_PARAMS = {"problem_params": {}, "optimizer_params": {}}
NAMED = {contender.name: contender for contender in CONTENDERS}


def race(contender: Contender, measure: str = "seconds", **fields: object) -> Race:
    return Race(contest=DIGITS, contender=contender, measure=measure, scale=1.0, **fields)  # type: ignore[arg-type]


def test_real_trials_the_winner_with_other_seeds_and_over_its_range() -> None:
    trials = list(race(SGD).tuned(3))
    assert [trial.number for trial, _ in trials] == [0, 1, 2]
    assert len({params["optimizer_params.lr"] for _, params in trials}) == 3
    for trial, _ in trials:
        assert trial.outcome.marks[0].seconds == 0
        assert math.isfinite(trial.outcome.lowest)
    best = trials[0][1]
    scan = list(race(SGD).scanned(best, 3))
    assert [each.settings for each in scan] == [f"lr {value}" for value in ("0.01", "0.1", "1")]
    starts = {each.outcome.marks[0].loss for each in race(SGD).repeated(best, 2)}
    assert len(starts) == 2, "other seeds start elsewhere"


def test_each_contender_draws_its_own_first_trials_and_the_same_again() -> None:
    def first(contender: str) -> float:
        return next(race(NAMED[contender]).tuned(1))[1]["optimizer_params.damping"]  # type: ignore[return-value]

    assert first("hessianfree") != first("martens2010")
    assert first("hessianfree") == first("hessianfree")


@pytest.mark.parametrize("name", ["sgd", "hessianfree", "recommended", "sutskever2013", "kfac"])
def test_with_a_budget_of_work_all_get_the_same_number_of_gradients_of_all_cases(name: str) -> None:
    first, _ = next(race(NAMED[name], "equivalents").tuned(1))
    marks = first.outcome.marks
    before, end = marks[-2].equivalents, marks[-1].equivalents
    assert before < 2 <= end
    assert not first.outcome.failed


def test_who_has_arrived_and_works_no_more_ends() -> None:
    found = run("quadratic", optimizer="lbfgs", **NO_PARAMS, measure="equivalents", amount=1e6, seed=0)
    assert not found.failed
    assert found.marks[-1].equivalents < 1e6


def test_with_a_budget_of_work_a_schedule_ends_with_it() -> None:
    params = {"optimizer_params.lr_schedule": "linear", "problem_params.batch_size": 500}
    scheduled = Contender(name="sgd", title="", optimizer="sgd", space=SPACE | {"lr_schedule": {}}, main="lr")
    spec = race(scheduled, "equivalents").params_of(params, amount=2.0)
    assert spec["optimizer_params"]["lr_steps"] == 6  # 2 * 1,497 / 500
