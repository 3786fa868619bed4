"""The tasks beside addition: what is drawn, what an even guess costs, what counts as wrong."""

import math

import pytest
import torch

from engine.reference import ggn
from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.parameters import Parameters
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.classification import share_wrong
from hessianfree_lab.training.problems.long_lags import (
    multiplication,
    noiseless_memorization,
    random_permutation,
    temporal_order,
    xor,
)
from server.training.sessions import SMALL, records_of, session

CPU = torch.device("cpu")
TASKS = ("multiplication", "xor", "temporal-order", "random-permutation", "noiseless-memorization")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def build(name, **params):
    problem = PROBLEMS[name]
    return problem.build(problem.params(**SMALL[name] | params), 0, CPU, torch.float64)


def symbols(sequences):
    """Of a one-hot sequence; that it is one."""
    assert (sequences.sum(2) == 1).all()
    assert ((sequences == 0) | (sequences == 1)).all()
    return sequences.argmax(2)


@pytest.mark.parametrize(
    ("draw", "answer"),
    [(multiplication.draw, lambda a, b: a * b), (xor.draw, lambda a, b: (a != b).double())],
)
def test_the_target_is_made_of_the_two_marked_numbers(draw, answer):
    sequences, targets = draw(500, 20, generator())
    numbers, marks = sequences.unbind(2)
    assert (marks.sum(1) == 2).all()
    assert (marks[:, :2].sum(1) >= 1).all()
    assert (marks[:, 10:] == 0).all()
    assert numbers.min() >= 0
    assert numbers.max() <= 1
    first, second = numbers[marks == 1].reshape(-1, 2).unbind(1)
    torch.testing.assert_close(targets[:, 0], answer(first, second))


def test_bits_are_bits_and_a_wrong_sign_is_a_wrong_answer():
    sequences, targets = xor.draw(500, 20, generator())
    assert set(sequences[:, :, 0].unique().tolist()) == {0, 1}
    assert targets.mean().item() == pytest.approx(0.5, abs=0.1)
    wrong = share_wrong(
        torch.tensor([[-2.0], [3.0], [-0.1], [0.1]]), torch.tensor([[0.0], [1.0], [1.0], [1.0]])
    )
    assert wrong.item() == 0.25


@pytest.mark.parametrize(
    ("asked", "length", "places"),
    [
        (2, 100, [(10, 20), (50, 60)]),
        (3, 100, [(10, 20), (33, 43), (66, 76)]),
        (3, 10, [(1, 2), (3, 4), (6, 7)]),
    ],
)
def test_the_order_is_that_of_the_symbols_where_they_belong(asked, length, places):
    sequences, orders = temporal_order.draw(2_000, length, generator(), symbols=asked)
    drawn = symbols(sequences)
    is_asked = (drawn == temporal_order.X) | (drawn == temporal_order.X + 1)
    assert (is_asked.sum(1) == asked).all()
    found = is_asked.nonzero()[:, 1].reshape(-1, asked)
    assert [
        (low, high)
        for low, high in zip(*(f(found, 0).values.tolist() for f in (torch.min, torch.max)), strict=True)
    ] == places
    assert (drawn[:, 0] == temporal_order.START).all()
    assert (drawn[:, -1] == temporal_order.END).all()
    bits = drawn.gather(1, found) - temporal_order.X
    assert torch.equal(orders, (bits * 2 ** torch.arange(asked - 1, -1, -1)).sum(1))
    assert orders.bincount(minlength=2**asked).min() > 0.7 * 2_000 / 2**asked


def test_after_the_last_symbol_comes_the_first_again_and_only_that_counts():
    sequences, following = random_permutation.draw(300, 12, generator())
    drawn = symbols(sequences)
    assert set(drawn[:, 0].unique().tolist()) == {0, 1}
    assert drawn[:, 1:].min() >= 2
    assert torch.equal(following[:, :-1], drawn[:, 1:])
    assert torch.equal(following[:, -1], drawn[:, 0])
    knows_the_last = torch.zeros(300, 12, random_permutation.KINDS).scatter_(2, following[:, :, None], 1.0)
    knows_the_last[:, :-1] = 0
    assert random_permutation.share_forgotten(knows_the_last, following).item() == 0
    assert random_permutation.share_forgotten(knows_the_last.roll(1, 0), following).item() > 0.3


@pytest.mark.parametrize(("bits", "count", "kinds"), [(5, 5, 2), (20, 10, 5)])
def test_a_pattern_is_asked_for_after_the_cue(bits, count, kinds):
    sequences, answers = noiseless_memorization.draw(50, 15, generator(), bits=bits)
    drawn = symbols(sequences)
    blank, cue = kinds, kinds + 1
    assert drawn.shape == answers.shape == (32 if bits == 5 else 50, 15 + 2 * count)
    assert drawn[:, :count].max() == kinds - 1
    silence = drawn[:, count:]
    assert (silence[:, 14] == cue).all()
    assert (silence[:, [*range(14), *range(15, 15 + count)]] == blank).all()
    assert (answers[:, :-count] == blank).all()
    assert torch.equal(answers[:, -count:], drawn[:, :count])
    assert len(drawn[:, :count].unique(dim=0)) == len(drawn)


def test_one_wrong_symbol_is_a_wrong_answer():
    _, answers = noiseless_memorization.draw(32, 10, generator(), bits=5)
    right = torch.nn.functional.one_hot(answers, 3).double()
    assert noiseless_memorization.share_misremembered(right, answers).item() == 0
    right[0, 3] = right[0, 3].roll(1)
    assert noiseless_memorization.share_misremembered(right, answers).item() == 1 / 32


@pytest.mark.parametrize(
    ("name", "params", "nats"),
    [
        ("xor", {}, math.log(2)),
        ("temporal-order", {"symbols": 2}, 2 * math.log(2)),
        ("temporal-order", {"symbols": 3}, 3 * math.log(2)),
        ("random-permutation", {"length": 10}, 10 * math.log(100)),
        ("noiseless-memorization", {"length": 10}, 20 * math.log(3)),  # blanks, too: it knows nothing
    ],
)
def test_an_even_guess_costs_its_logarithm_at_each_answer(name, params, nats):
    task = build(name, **params)
    with torch.no_grad():
        task.batch.model.out.weight.zero_()
        assert task.forward()[0].item() == pytest.approx(nats)


def test_products_of_all_answers_are_those_of_the_dense_matrix():
    task = build("noiseless-memorization", hidden_size=3, cases=2, bits=20)
    loss, outputs = task.forward()
    assert outputs.shape == (2, 30, 6)
    matrix = ggn(loss, outputs, task.parameters)
    vector = torch.randn(len(matrix), dtype=torch.float64, generator=generator())
    product = GaussNewton(*task.forward(), Parameters([list(task.parameters)]))(vector)
    torch.testing.assert_close(product, matrix @ vector)


@pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")
@pytest.mark.parametrize("name", ["xor", "noiseless-memorization"])
def test_states_are_damped_whenever_it_answers(name):
    params = {"structural_damping": 0.1, "cg_max_iter": 5}
    losses = [
        record.metrics["loss"]
        for record in records_of(session(name, problem_params=SMALL[name], optimizer_params=params))
    ]
    assert losses == sorted(losses, reverse=True)
    task = build(name)
    outputs, fed = task.batch.model(task.batch.inputs, with_states=True)
    assert torch.equal(outputs, task.forward()[1])
    assert fed.shape == (*task.batch.inputs.shape[:2], 10)


@pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")
def test_five_bits_are_learned():
    params = {"length": 10, "hidden_size": 15, "held_out_cases": 32}
    records = records_of(
        session("noiseless-memorization", "hessianfree-recommended", problem_params=params, steps=40)
    )
    assert records[0].metrics["eval_error"] > 0.5
    assert records[0].metrics["solved"] == 0
    assert records[-1].metrics["eval_error"] < 0.001
    assert records[-1].metrics["solved"] == 1
