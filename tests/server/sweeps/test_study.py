"""What a sampler is told, and what it makes of it."""

import math
from typing import Any

import pytest

from hessianfree_lab.records.sweeps import SweepSpec, Trial
from hessianfree_lab.sweeps.study import MOST_JUDGED, importances, propose
from server.makers import sweep

DAMPING, ROUNDS, KIND = "optimizer_params.damping", "optimizer_params.cg_max_iter", "problem_params.kind"
SPACE: dict[str, Any] = {
    DAMPING: {"low": 1e-3, "high": 1e3, "log": True},
    ROUNDS: {"low": 1, "high": 20, "step": 2},
    KIND: ["round", None, True],
}
STARTUP = 10


def searching(method: str = "tpe", goal: str = "minimize", **search: Any) -> SweepSpec:
    return sweep(search={"method": method, "trials": 60, "space": SPACE} | search, objective={"goal": goal})


def trial(number: int, params: dict[str, Any], value: float | None, **changes: Any) -> Trial:
    known = {"state": "failed" if value is None else "completed", "value": value, "runs": []}
    return Trial.model_validate({"number": number, "params": params} | known | changes)


def run(spec: SweepSpec, value: Any, trials: int = 60) -> list[Trial]:
    """A whole search, one after the other."""
    found: list[Trial] = []
    for number in range(trials):
        params = propose(spec, found, number)
        found.append(trial(number, params, value(params)))
    return found


def bowl(params: dict[str, Any]) -> float:
    """Least at damping 10, whatever else."""
    return (math.log10(params[DAMPING]) - 1) ** 2


def near_the_best(found: list[Trial]) -> float:
    """The share of trials within half a decade of the best damping; of such as are drawn at random a sixth are."""
    return sum(bowl(each.params) < 0.25 for each in found) / len(found)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_what_is_proposed_lies_in_the_space(method: str) -> None:
    for found in run(searching(method), bowl, 20):
        assert list(found.params) == [DAMPING, ROUNDS, KIND]
        assert 1e-3 <= found.params[DAMPING] <= 1e3
        assert found.params[ROUNDS] in range(1, 20, 2)
        assert found.params[KIND] in ("round", None, True)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_the_same_history_gives_the_same_trial(method: str) -> None:
    spec = searching(method)
    history = run(spec, bowl, 15)
    assert propose(spec, history, 15) == propose(spec, history, 15)
    assert propose(spec, history, 15) != propose(spec, history, 16)
    other = searching(method, seed=1)
    assert propose(spec, history, 15) != propose(other, history, 15)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_sweeps_of_other_settings_draw_otherwise_unless_they_share_a_seed(method: str) -> None:
    """Were the draws the same, whoever has its best setting where they fall would win."""

    def drawn(optimizer: str, name: str, **search: Any) -> list[float]:
        space = {f"optimizer_params.{name}": {"low": 0.0, "high": 1.0}}
        spec = sweep(
            base={"problem": "bowl", "optimizer": optimizer},
            search={"method": method, "trials": 6, "space": space} | search,
        )
        return [value for number in range(6) for value in propose(spec, [], number).values()]

    rivals = [drawn("adam", "lr"), drawn("sgd", "lr"), drawn("hessianfree", "damping")]
    assert len({value for found in rivals for value in found}) == 18
    assert drawn("sgd", "lr") == rivals[1]
    assert drawn("adam", "lr", seed=7) == drawn("hessianfree", "damping", seed=7) != rivals[0]


def test_an_estimator_draws_at_random_for_as_many_trials_as_it_is_told() -> None:
    """Until then it does not matter what the trials before came to."""
    for startup in (1, 4, STARTUP):
        spec = searching() if startup == STARTUP else searching(startup_trials=startup)
        for count, knows in ((startup - 1, False), (startup, True)):
            known = [
                trial(n, {DAMPING: 10.0 ** (n / 2 - 3), ROUNDS: 1, KIND: None}, float(n))
                for n in range(count)
            ]
            is_drawn_alike = propose(spec, known, 20) == propose(searching("random"), [], 20)
            assert is_drawn_alike != knows, (startup, count)


@pytest.mark.parametrize(("goal", "sign"), [("minimize", 1), ("maximize", -1)])
def test_an_estimator_goes_where_values_were_good(goal: str, sign: int) -> None:
    found = run(searching(goal=goal), lambda params: sign * bowl(params))
    assert near_the_best(found[20:]) > 2 / 6


def test_an_estimator_stays_away_from_where_runs_diverge() -> None:
    """Left out of its history, those trials would make it go there all the time: it would know nothing of the place."""
    found = run(searching(), lambda params: None if params[DAMPING] < 1 else 3 - math.log10(params[DAMPING]))
    diverged = [each.params[DAMPING] < 1 for each in found]
    assert sum(diverged[:STARTUP]) > 1
    assert sum(diverged[20:]) <= 4


def test_a_lost_worker_is_not_held_against_the_parameters() -> None:
    spec = searching()
    told = [trial(n, {DAMPING: 10.0 ** (n / 3 - 3), ROUNDS: 1, KIND: None}, float(n)) for n in range(12)]
    failed = trial(12, {DAMPING: 1e-3, ROUNDS: 1, KIND: None}, None)
    lost = failed.model_copy(update={"is_uninformative": True})
    cancelled = failed.model_copy(update={"state": "cancelled"})
    assert propose(spec, [*told, lost], 13) == propose(spec, [*told, cancelled], 13)
    assert propose(spec, [*told, lost], 13) != propose(spec, [*told, failed], 13)


def test_those_under_way_count_so_that_others_look_elsewhere() -> None:
    spec = searching()
    history = run(spec, bowl, 30)
    near = propose(spec, history, 31)
    under_way = [trial(30 + n, near, None, state="queued") for n in range(20)]
    assert propose(spec, [*history, *under_way], 31) != near


def test_importance_tells_what_matters_from_what_does_not() -> None:
    spec = searching("random")
    shares = importances(spec, run(spec, bowl))
    assert next(iter(shares)) == DAMPING
    assert shares[DAMPING] > 0.7
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(("goal", "sign"), [("minimize", 1), ("maximize", -1)])
def test_importance_counts_what_makes_runs_fail(goal: str, sign: int) -> None:
    spec = searching("random", goal=goal)
    whole = run(spec, lambda params: None if params[ROUNDS] > 9 else sign * bowl(params))
    completed = [each for each in whole if each.value is not None]
    assert importances(spec, whole)[ROUNDS] > importances(spec, completed)[ROUNDS] + 0.1


def test_of_thousands_of_trials_an_even_sample_is_judged() -> None:
    """Of every third trial here the damping decides, of all others the rounds."""
    spec = searching("random", space={DAMPING: SPACE[DAMPING], ROUNDS: SPACE[ROUNDS]})
    trials = []
    for number in range(2 * MOST_JUDGED + 1):
        exponent, rounds = number % 600 / 100 - 3, 1 + 2 * (number * 7 % 10)
        params = {DAMPING: 10**exponent, ROUNDS: rounds}
        trials.append(trial(number, params, exponent if number % 3 == 0 else float(rounds)))
    shares = importances(spec, trials)
    assert shares == importances(spec, trials[::3])
    assert shares[DAMPING] > 0.9


@pytest.mark.parametrize("values", [[], [1.0], [1.0, None, None]])
def test_too_few_values_have_no_importance(values: list[float | None]) -> None:
    trials = [trial(n, {DAMPING: 1.0, ROUNDS: 1, KIND: None}, value) for n, value in enumerate(values)]
    assert importances(searching(), trials) == {}


RATE = "adam_rate"
RIVALS: dict[str, Any] = {
    "optimizer": ["adam", "hessianfree"],
    RATE: {
        "path": "optimizer_params.lr",
        "low": 1e-5,
        "high": 1.0,
        "log": True,
        "when": {"optimizer": "adam"},
    },
    DAMPING: {"low": 1e-3, "high": 1e3, "log": True, "when": {"optimizer": "hessianfree"}},
}


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_of_a_conditional_space_trials_have_what_applies_to_them(method: str) -> None:
    """And the estimator learns which branch is the better, and where in it."""
    found = run(searching(method, space=RIVALS), lambda p: 4.0 if RATE in p else bowl(p), 40)
    for each in found:
        wanted = ["optimizer", RATE if each.params["optimizer"] == "adam" else DAMPING]
        assert list(each.params) == wanted
    of_hf = [each for each in found[20:] if DAMPING in each.params]
    if method == "tpe":
        assert len(of_hf) > 14
        assert sorted(each.value or 0.0 for each in of_hf)[len(of_hf) // 2] < 0.5


def test_importance_knows_parameters_that_only_some_trials_have() -> None:
    spec = searching("random", space=RIVALS)
    shares = importances(spec, run(spec, lambda p: 9.0 if RATE in p else bowl(p)))
    assert shares.keys() == RIVALS.keys()
    assert shares[DAMPING] > 0.3 > shares[RATE]


def pruned(number: int, params: dict[str, Any], *values: float) -> Trial:
    rungs = [{"at": 10.0 * 3**rung, "value": value} for rung, value in enumerate(values)]
    return trial(number, params, None, state="pruned", rungs=rungs)


def test_an_estimator_is_told_how_far_a_pruned_trial_came_and_how_good_it_was() -> None:
    """All but those of a damping about 10 are pruned, the later the nearer they are to it."""
    spec = searching()
    found: list[Trial] = []
    for number in range(40):
        params = propose(spec, found, number)
        worth = bowl(params)
        is_good = worth < 0.05
        values = (worth + 2, worth + 1) if worth < 1 else (worth + 2,)
        found.append(trial(number, params, worth) if is_good else pruned(number, params, *values))
    assert near_the_best(found[20:]) > 2 / 6


def test_for_importance_a_pruned_trial_is_as_one_that_failed() -> None:
    spec = searching("random")
    whole = run(spec, lambda params: None if params[ROUNDS] > 9 else bowl(params))
    cut = [pruned(each.number, each.params, 0.0) if each.value is None else each for each in whole]
    assert importances(spec, cut) == importances(spec, whole)
