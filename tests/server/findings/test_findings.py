"""Each finding on a record that shows it, beside one that must not: findings say what is true, and stay silent else."""

import math
from typing import Any

import numpy as np
import pytest

from hessianfree_lab.figures import FIGURES
from hessianfree_lab.findings import Interruption, Recent, Record, Severity, findings_of
from server.findings.recorded import kinds, one, record, shown

FALLING = [4.0 * 0.9**n for n in range(60)]
AFTER = [*FALLING[1:], 0.007]
STEEP = [9.0 * 0.95**n for n in range(60)]  # a gradient that is not small
LIMIT = "Number of iterations"


def ragged(low: float, high: float, rows: int) -> list[float]:
    return [low if row % 2 else high for row in range(rows)]


def test_nothing_is_found_in_nothing() -> None:
    assert findings_of(Record()) == []
    assert findings_of(record(loss=[1.0], gradient_norm=[1.0])) == []


def test_a_healthy_run_has_good_news_alone() -> None:
    found = record(
        loss=FALLING, loss_after=AFTER, eval_loss=FALLING, gradient_norm=STEEP,
        damping=[0.9**n for n in range(60)], reduction_ratio=ragged(0.9, 1.1, 60), accepted=[1] * 60,
        step_scale=[1.0] * 60, cg_iterations=[30] * 60, stops=["Convergence (Martens)"] * 60,
        peak_memory_bytes=[2e9] * 60,
    )  # fmt: skip
    assert kinds(found) == {"ratio-good": "note"}
    assert shown(one(found, "ratio-good")) == [("reduction-ratio", 41, 60)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_a_problem(value: float) -> None:
    found = one(record(loss=[*FALLING[:30], value], gradient_norm=[1.0] * 31), "not-finite")
    assert (found.severity, found.title) == (Severity.PROBLEM, "The run has diverged")
    assert "at step 31" in found.text
    assert shown(found) == [("loss", 11, 31)]


def test_the_learning_rate_that_was_too_large_is_named() -> None:
    spec = {"problem_params": {}, "optimizer_params": {"lr": 0.5}}
    assert (
        "a smaller learning rate than 0.5" in one(record(loss=[1.0, math.inf], spec=spec), "not-finite").text
    )


@pytest.mark.parametrize(
    ("loss", "grows"), [([1, 2, 3.5, 9, 40], True), ([1, 2, 2.5, 2, 2], False), ([9, 1, 1, 99], False)]
)
def test_a_loss_that_grows(loss: list[float], grows: bool) -> None:
    assert ("loss-grows" in kinds(record(loss=loss))) == grows


def test_a_plateau_is_told_from_a_minimum() -> None:
    flat = FALLING[:20] + [FALLING[20]] * 120
    stuck = record(loss=flat, gradient_norm=[5.0] * 140)
    assert one(stuck, "plateau").severity is Severity.NOTE  # half of it is 70 steps: early to be sure
    assert kinds(record(loss=flat + flat[-1:] * 100, gradient_norm=[5.0] * 240)) == {"plateau": "warning"}
    ended = record(loss=flat + flat[-1:] * 100, gradient_norm=[5.0] * 240, has_ended=True)
    assert kinds(ended) == {"plateau": "note"}  # too late to do anything
    there = record(loss=flat, gradient_norm=[5.0] * 20 + [1e-4] * 120)
    assert kinds(there) == {"converged": "note"}
    assert shown(one(there, "converged")) == [("loss", 71, 140), ("gradient-norm", 71, 140)]


def test_noise_is_no_plateau_while_the_loss_falls() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 300)
    assert kinds(record(loss=list(np.linspace(4, 2, 300) + noise), gradient_norm=[5.0] * 300)) == {}


def test_damping_that_keeps_growing() -> None:
    growing = [0.1] * 20 + [0.1 * 1.5**n for n in range(14)]
    found = one(record(damping=growing), "damping-grows")
    assert found.severity is Severity.WARNING
    assert "From 0.1 at step 21 to 19.46 at step 34, raised 13 times" in found.text
    assert shown(found) == [("damping", 21, 34), ("reduction-ratio", 21, 34)]


@pytest.mark.parametrize(
    "damping",
    [
        [0.1 * 1.5**n for n in range(14)] + [10.0 * 0.66**n for n in range(5)],  # it has turned
        [1e-6 * 1.5**n for n in range(14)] + [3e-4] * 12,  # it has found its place
        [1.0] * 35 + [1000.0] * 5,  # its user set it
        [0.1] * 20 + [0.1 * 1.5**n for n in range(14)] + [10.0, 6.7],  # it has just turned
        [1.0 * 1.5 ** (n % 3) for n in range(50)],  # up and down
    ],
)
def test_damping_that_grew_once_is_no_finding(damping: list[float]) -> None:
    assert "damping-grows" not in kinds(record(damping=damping))


@pytest.mark.parametrize("low", [0.1, -3.0, math.nan])
def test_a_ratio_that_stays_low(low: float) -> None:
    found = one(record(reduction_ratio=[1.0] * 20 + [low] * 16 + [0.5] * 4), "ratio-low")
    assert (found.severity, shown(found)[0]) == (Severity.WARNING, ("reduction-ratio", 21, 40))
    assert "below 0.25 in 16 of steps 21 to 40" in found.text
    assert "ratio-low" not in kinds(record(reduction_ratio=[low] * 30 + [1.0] * 10))


def test_where_the_gradient_has_vanished_ratios_and_refusals_are_rounding() -> None:
    noise: dict[str, Any] = {
        "reduction_ratio": [-9.0] * 60,
        "accepted": [0] * 60,
        "damping": [1.5**n for n in range(60)],
    }
    resting = record(loss=[9.0] * 10 + [1.0] * 50, gradient_norm=[9.0] * 10 + [1e-5] * 50, **noise)
    assert kinds(resting) == {"converged": "note"}
    stuck = record(loss=[9.0] * 10 + [1.0] * 50, gradient_norm=[9.0] * 60, **noise)
    assert {"ratio-low", "search-fails", "damping-grows"} <= set(kinds(stuck))
    # Only its gradient was large at first: it still makes progress.
    going = record(loss=FALLING, gradient_norm=[1e5] + [9.0] * 59, **noise)
    assert {"ratio-low", "search-fails", "damping-grows"} <= set(kinds(going))


def test_steps_that_are_refused() -> None:
    found = one(record(loss=FALLING, accepted=[1] * 50 + [1, 0] * 5), "search-fails")
    assert "5 of the 20 steps from 41 to 60 changed nothing" in found.text
    assert shown(found)[0] == ("step-scale", 52, 60)
    assert kinds(record(loss=FALLING, accepted=[1] * 59 + [0])) == {}
    assert kinds(record(loss=FALLING, accepted=[1] * 57 + [0] * 3)) == {"search-fails": "warning"}


def test_steps_that_are_cut_short_are_those_of_a_search() -> None:
    short = record(loss=FALLING, accepted=[1] * 60, step_scale=[0.1] * 60, cg_iterations=[9] * 60)
    assert kinds(short) == {"steps-short": "note"}
    assert kinds(record(loss=FALLING, accepted=[1] * 60, step_scale=[0.1] * 60)) == {}  # a learning rate


def test_solves_at_their_limit_matter_where_the_loss_stands_still() -> None:
    stops = ["Convergence (Martens)"] * 10 + [LIMIT] * 50
    good = record(loss=FALLING, gradient_norm=STEEP, cg_iterations=[80] * 60, stops=stops)
    assert kinds(good) == {"cg-limit": "note"}
    assert shown(one(good, "cg-limit")) == [("cg-iterations", 41, 60)]
    still = FALLING[:38] + [FALLING[38]] * 22
    assert kinds(record(loss=still, gradient_norm=STEEP, cg_iterations=[80] * 60, stops=stops)) == {
        "cg-limit": "warning"
    }
    assert kinds(record(loss=FALLING, cg_iterations=[10] * 60, stops=stops)) == {}  # so short on purpose
    assert kinds(record(loss=FALLING, cg_iterations=[80] * 60, stops=["Divergence", LIMIT] * 30)) == {}


def test_negative_curvature_is_a_warning_where_nobody_expects_it() -> None:
    met = [None] * 40 + [-2.0, -5.0] * 10
    columns: dict[str, Any] = {"loss": FALLING, "cg_iterations": [9] * 60, "negative_curvature": met}
    found = one(record(**columns), "negative-curvature")
    assert found.severity is Severity.WARNING
    assert "In 20 of 60 solves" in found.text
    assert "lowest -5 at step 42" in found.text
    made_for_it = {"problem_params": {}, "optimizer_params": {"negative_curvature": "trust_region"}}
    assert kinds(record(**columns, spec=made_for_it)) == {"negative-curvature": "note"}
    once = columns | {"negative_curvature": [-1.0] + [None] * 59}
    assert kinds(record(**once)) == {"negative-curvature": "note"}


def test_the_condition_is_read_off_the_ritz_values() -> None:
    found = one(record(ritz_values=(-1.0, 0.01, 5.0, 2e4), ritz_step=7), "ill-conditioned")
    assert "at least 2e+06, for which CG needs about 1414 iterations" in found.text
    assert shown(found)[0] == ("ritz-values", 7, 7)
    assert kinds(record(ritz_values=(0.1, 5.0), ritz_step=7)) == {}


def test_a_loss_that_is_another_function_each_time() -> None:
    jumps = [value * (1.02 if row % 2 else 0.99) for row, value in enumerate(FALLING)]
    found = one(record(loss=jumps, loss_after=AFTER), "not-deterministic")
    assert "in steps 11 to 60 they differ by" in found.text
    assert kinds(record(loss=FALLING, loss_after=AFTER)) == {}
    # Of a script nobody knows whether it draws batches: only the optimizer's own check tells.
    unknown: dict[str, Any] = {"loss": jumps, "loss_after": AFTER, "is_job": False}
    assert kinds(record(**unknown)) == {}
    assert kinds(record(**unknown, warned_of_randomness=True)) == {"not-deterministic": "warning"}


def test_gains_that_stay_with_their_batch() -> None:
    drawn = {"problem_params": {"batch_size": 10}}
    noise = np.random.default_rng(1).normal(0, 0.05, 60)
    level = list(5 + noise)
    found = one(record(loss=level, loss_after=[value - 1 for value in level], spec=drawn), "batch-noise")
    assert "every step lowers the loss on its own batch by 1 in the median" in found.text
    falling = list(np.linspace(50, 5, 60) + noise)
    assert kinds(record(loss=falling, loss_after=[value - 1 for value in falling], spec=drawn)) == {}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([*FALLING[:30], *(FALLING[29] * 1.01**n for n in range(30))], {"overfitting": "warning"}),
        ([*FALLING[:40], *(FALLING[39] * 1.001**n for n in range(20))], {"overfitting": "note"}),
        (FALLING, {}),
        ([*FALLING[:57], 9.0, 9.0, 9.0], {}),  # too few to tell
    ],
)
def test_a_held_out_loss_that_rises_while_the_loss_falls(held: list[float], expected: dict[str, str]) -> None:
    assert kinds(record(loss=FALLING, eval_loss=held)) == expected


def test_a_held_out_loss_that_rises_with_the_loss_is_no_overfitting() -> None:
    rising = [*FALLING[:30], *(FALLING[29] * 1.01**n for n in range(30))]
    assert "overfitting" not in kinds(record(loss=rising, eval_loss=rising))


def clocks(step_seconds: float, between: float, rows: int = 100) -> Recent:
    steps = np.arange(1, rows + 1)
    return Recent(
        steps=steps,
        seconds=steps * step_seconds,
        moments=1e9 + steps * (step_seconds + between),
        stops=(None,) * rows,
    )


def test_idling_between_steps() -> None:
    found = one(record(loss=FALLING, recent=clocks(0.3, 0.6)), "idle")
    assert "59 s of 88 s (67 %) passed without training, 0.6 s between two steps" in found.text
    assert kinds(record(loss=FALLING, recent=clocks(0.6, 0.4))) == {}  # 40 s, but less than half of the time
    assert (
        kinds(record(loss=FALLING, recent=clocks(0.001, 0.01, rows=300))) == {}
    )  # the bookkeeping of tiny steps


def held(recent: Recent, *after: int) -> Recent:
    """With 5,000 seconds more after these steps."""
    late = sum(np.where(recent.steps > step, 5000.0, 0.0) for step in after)
    return Recent(
        steps=recent.steps, seconds=recent.seconds, moments=recent.moments + late, stops=recent.stops
    )


def test_pauses_are_no_idling_nor_is_a_machine_that_slept() -> None:
    paused = held(clocks(1.0, 0.1), 30, 50)
    assert kinds(record(loss=FALLING, recent=paused)) == {"idle": "warning"}
    pauses = tuple(
        Interruption(begin=paused.moments[step - 1] + 1, end=paused.moments[step] - 1) for step in (30, 50)
    )
    assert kinds(record(loss=FALLING, recent=paused, interruptions=pauses)) == {}
    assert kinds(record(loss=FALLING, recent=held(clocks(1.0, 0.1), 30))) == {}


def test_a_script_idles_where_its_optimizer_reports_less_than_passes() -> None:
    parts = {name: [0.1] * 100 for name in ("seconds_gradient", "seconds_cg", "seconds_search")}
    recent = clocks(1.0, 0.0)  # of a script these are one clock
    assert kinds(record(loss=FALLING, is_job=False, recent=recent, **parts)) == {"idle": "warning"}
    assert kinds(record(loss=FALLING, is_job=False, recent=recent)) == {}


def test_time_that_goes_into_the_search() -> None:
    parts: dict[str, Any] = {
        "seconds_gradient": [0.1] * 60,
        "seconds_cg": [0.2] * 60,
        "seconds_search": [0.7] * 60,
    }
    found = one(record(loss=FALLING, **parts), "search-time")
    assert "took 14 s, 70 % of the time" in found.text
    quick = {name: [value / 100 for value in values] for name, values in parts.items()}
    assert kinds(record(loss=FALLING, **quick)) == {}


def test_memory_that_grows() -> None:
    growing = [1e9 + 2e7 * row for row in range(60)]
    assert kinds(record(loss=FALLING, peak_memory_bytes=growing)) == {"memory-grows": "warning"}
    filled = [min(value, 1.3e9) for value in growing]
    assert kinds(record(loss=FALLING, peak_memory_bytes=filled)) == {}
    assert kinds(record(loss=FALLING, peak_memory_bytes=[1e9] * 30 + [1.5e9] * 30)) == {}  # once


def test_what_matters_most_comes_first_and_every_figure_is_there() -> None:
    ill = record(
        loss=FALLING, accepted=[0] * 60, cg_iterations=[80] * 60, stops=[LIMIT] * 60,
        damping=[1.5**n for n in range(60)],
        gradient_norm=[*STEEP[:59], math.nan], reduction_ratio=[0.0] * 60, negative_curvature=[-1.0] * 60,
        ritz_values=(1e-3, 1e3), ritz_step=60, recent=clocks(0.3, 0.6, rows=60),
    )  # fmt: skip
    found = findings_of(ill)
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.PROBLEM
    assert {part.figure for finding in found for part in finding.evidence} <= set(FIGURES)
    assert findings_of(ill) == found
