"""Racers: one start, clocks of their own, and counts that say what each spent."""

import math

import methods
import pytest
import torch
import training
from racers import Racer, Start, adam, plain, predecessor, recommended


@pytest.fixture
def start():
    torch.manual_seed(0)
    inputs = torch.randn(40, 5)
    return Start(
        title="small",
        model=torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2)),
        loss_function=torch.nn.MSELoss(),
        inputs=inputs,
        targets=torch.tanh(inputs[:, :2]),
        batch_size=10,
        first=20,
    )


@pytest.mark.parametrize("make", [recommended, predecessor, plain, lambda start: adam(start, 1e-2)])
def test_each_starts_from_the_same_model_and_gets_down(start, make):
    before = [p.clone() for p in start.model.parameters()]
    racer = make(start)
    with torch.no_grad():
        expected = start.loss_function(start.model(start.inputs), start.targets).item()
    assert racer.marks[0].loss == expected
    racer.race(0.3)
    assert racer.lowest.loss < expected
    assert racer.marks[-1].steps > 0
    assert racer.marks[-1].gradients > 0
    assert all(torch.equal(p, q) for p, q in zip(before, start.model.parameters(), strict=True))


def test_a_race_ends_at_its_time_its_target_or_a_loss_that_is_no_number(start):
    def steps(model):
        while True:
            with torch.no_grad():
                for p in model.parameters():
                    p.mul_(2)
            yield 3, 0.5

    wild = Racer("wild", start, steps)
    wild.race(60.0)
    last = wild.marks[-1]
    assert not math.isfinite(last.loss)
    assert last.iterations == 3 * last.steps
    assert last.gradients == 0.5 * last.steps

    racer = plain(start)
    racer.race(60.0, target=0.5 * racer.marks[0].loss)
    assert racer.seconds < 60
    reached = racer.first_below(0.5 * racer.marks[0].loss)
    assert reached is racer.marks[-1]
    assert racer.first_below(-1.0) is None


def test_what_a_step_spends_is_counted_in_gradients_of_all_data(start):
    racer = adam(start, 1e-3)
    racer.race(0.05)
    assert racer.marks[-1].gradients == pytest.approx(racer.marks[-1].steps / 4)


def test_the_report_tells_when_the_first_racer_got_as_far(start):
    ours, other = recommended(start), adam(start, 1e-4)
    ours.race(60.0, target=0.5 * ours.marks[0].loss)
    other.race(0.01)
    *_, first, second = training.report(start, [ours, other])
    assert first.startswith("| HessianFree.recommended(...) |")
    assert float(second.split("|")[6]) <= ours.seconds


def test_every_change_of_the_method_can_take_steps(start):
    contenders = methods.racers(start)
    for racer in contenders:
        racer.race(1e-9)
        assert racer.marks[-1].steps == 1
    lines = methods.report(start, contenders, target=-1.0)
    assert len(lines) == 4 + len(contenders)
    assert all("not reached" in line for line in lines[4:])
