"""Training time: its limit holds within a step, and a pause is no part of it."""

import itertools
import signal
import time
from contextlib import contextmanager

import pytest
import torch

from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.progress import Progress
from server.training.sessions import params_for, records_of, session

# Hessian-free says so when a step's model misled it; the metrics say it too.
pytestmark = pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")

CPU = torch.device("cpu")


def driver_of(optimizer, problem="digits-classifier", **params):
    """One at work on a problem's first batch, with the task and its clock, which a reading moves on by a second."""
    ticks = itertools.count(1.0)
    clock = Clock(CPU, read=lambda: next(ticks))
    task = PROBLEMS[problem].build(PROBLEMS[problem].params(), 0, CPU, torch.float64)
    kind = OPTIMIZERS[optimizer]
    return kind.build(kind.params(**params), task, clock), task, clock


# The limit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "params"),
    [
        ("hessianfree", {"damping": 1e-3}),
        ("hessianfree", {"damping": 1e-3, "cg_start": "augmented"}),
        ("hessianfree", {"damping": 1e-3, "negative_curvature": "trust_region", "trust_radius": 100.0}),
        ("hessianfree", {"damping": 1e-3, "negative_curvature": "saddle_free"}),
        ("hessianfree-recommended", {}),
    ],
)
def test_the_inner_solve_ends_when_the_time_is_up(optimizer, params):
    driver, task, clock = driver_of(optimizer, **params)
    longer = driver.step(Progress()).metrics["cg_iterations"]
    driver, task, clock = driver_of(optimizer, **params)
    clock.deadline = 6.0
    metrics = driver.step(Progress()).metrics
    assert metrics["cg_stop"] == "Deadline"
    assert 1 <= metrics["cg_iterations"] <= 6 < longer
    assert metrics["accepted"]
    assert metrics["loss_after"] < metrics["loss"]
    assert task.forward()[0].item() == pytest.approx(metrics["loss_after"])


def test_lbfgs_ends_at_its_best_evaluation_when_the_time_is_up():
    driver, task, clock = driver_of("lbfgs", "rosenbrock", max_iter=1000, max_eval=10_000)
    losses = []
    forward = task.forward

    def remembered():
        loss, outputs = forward()
        losses.append(loss.item())
        return loss, outputs

    task.forward = remembered
    clock.deadline = 40.0
    metrics = driver.step(Progress()).metrics
    assert 3 < metrics["gradient_equivalents"] == len(losses) < 60
    assert metrics["loss_after"] > 1e-3
    assert (metrics["loss"], metrics["loss_after"]) == (losses[0], min(losses))
    assert forward()[0].item() == min(losses)
    clock.deadline = None
    assert driver.step(Progress()).metrics["loss_after"] < 1e-9


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_without_time_is_made_and_is_the_last(optimizer):
    params = params_for("digits-classifier", optimizer)
    found = session(
        "digits-classifier", optimizer, problem_params=params, budget={"steps": 9, "seconds": 1e-9}
    )
    ((record, *_),) = list(found)
    if "cg_stop" in record.metrics:
        assert (record.metrics["cg_stop"], record.metrics["cg_iterations"]) == ("Deadline", 0)
    assert "eval_error" in record.metrics


def test_the_seconds_of_earlier_steps_count():
    found = session("digits-classifier", budget={"steps": 9, "seconds": 1e6})
    records = iter(found)
    assert [next(records)[0].metrics["cg_stop"] for _ in range(2)] != ["Deadline"] * 2
    found.apply({"budget": {"seconds": found.seconds + 1e-9}})
    ((record, _),) = list(records)
    assert record.metrics["cg_stop"] == "Deadline"


# Pauses --------------------------------------------------------------------------------------------------


@contextmanager
def alarms(handler, every):
    """`handler` is called in the main thread, wherever that is, so many seconds after it was last."""

    is_on = True

    def ring(*_):
        handler()
        if is_on:
            signal.setitimer(signal.ITIMER_REAL, every)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, every)
    try:
        yield
    finally:
        is_on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# A solve whose time is up at its start is the last one's solution, which may not be a descent direction any more.
@pytest.mark.filterwarnings("ignore:.*not a descent direction:UserWarning")
@pytest.mark.parametrize("optimizer", ["hessianfree", "adam", "lbfgs"])
def test_a_pause_anywhere_is_no_training_time(optimizer):
    found = session("digits-autoencoder", optimizer, budget={"steps": None, "seconds": 0.3})
    pauses = []

    def pause():
        started = time.perf_counter()
        time.sleep(0.02)
        pauses.append(time.perf_counter() - started)
        found.discount(pauses[-1])

    started = time.perf_counter()
    with alarms(pause, every=0.03):
        records = records_of(found)
    assert len(pauses) > 5
    assert found.seconds <= time.perf_counter() - started - sum(pauses)
    seconds = 0.0
    for record in records:
        parts = [record.metrics.get(f"seconds_{part}", 0.0) for part in ("gradient", "cg", "search")]
        assert min(parts) >= 0
        assert sum(parts) <= record.seconds - seconds + 1e-9
        seconds = record.seconds


def test_a_pause_while_the_clock_is_read_is_left_out():
    time_now = 100.0

    def read():
        nonlocal time_now
        if time_now == 100.0:  # a signal comes right before the reading
            time_now += 5.0
            clock.discount(5.0)
        return time_now

    clock = Clock(CPU, read=read)
    assert clock.now() == 100.0


def test_a_clock_never_goes_back_however_often_it_is_stopped():
    clock = Clock(CPU)
    pauses = []

    def pause():
        started = time.perf_counter()
        time.sleep(1e-4)
        pauses.append(time.perf_counter() - started)
        clock.discount(pauses[-1])

    last, first = clock.now(), time.perf_counter()
    with alarms(pause, every=3e-4):
        while len(pauses) < 500:
            now = clock.now()
            assert now >= last
            last = now
    assert last <= first + (time.perf_counter() - first) - sum(pauses) + 1e-3
