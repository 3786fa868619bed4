"""Sequences with long lags, and the recurrent network that reads them."""

import pytest
import torch

from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.long_lags.addition import draw
from hessianfree_lab.training.problems.long_lags.marked_numbers import share_off
from hessianfree_lab.training.problems.long_lags.recurrent import RecurrentNetwork
from hessianfree_lab.training.problems.long_lags.task import SolvableTask
from hessianfree_lab.training.problems.supervised import Split
from server.training.sessions import records_of, session

CPU = torch.device("cpu")
SMALL = {"cases": 50, "length": 12, "hidden_size": 8}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def build(seed=0, dtype=torch.float64, **params):
    problem = PROBLEMS["addition"]
    return problem.build(problem.params(**SMALL | params), seed, CPU, dtype)


@pytest.mark.parametrize("length", [10, 11, 50])
def test_the_target_is_the_marked_sum_and_the_marks_are_where_they_belong(length):
    sequences, targets = draw(2_000, length, generator())
    numbers, marks = sequences.unbind(2)
    assert sequences.shape == (2_000, length, 2)
    assert targets.shape == (2_000, 1)
    assert numbers.abs().max() <= 1
    assert (marks.sum(1) == 2).all()
    assert (marks[:, : max(length // 10, 1)].sum(1) >= 1).all()
    assert (marks[:, length // 2 :] == 0).all()
    assert (marks[:, : length // 2].sum(0) > 0).all()  # each place of the first half has its turn
    by_hand = [0.5 + sum(row[mark == 1].tolist()) / 4 for row, mark in zip(numbers, marks, strict=True)]
    assert targets.squeeze(1).tolist() == pytest.approx(by_hand)


def test_an_answer_is_wrong_when_it_is_off_by_more_than_the_tolerance():
    targets = torch.tensor([[0.5], [0.5], [0.5], [0.5]])
    outputs = torch.tensor([[0.53], [0.55], [0.45], [0.5]])
    assert share_off(outputs, targets).item() == 0.5


def test_the_network_is_the_recurrence_written_by_hand():
    network = RecurrentNetwork(2, 5, 3, generator())
    sequences = torch.randn(4, 6, 2, dtype=torch.float64, generator=generator(1))
    always = RecurrentNetwork(2, 5, 3, generator(), answers_always=True)
    h = torch.zeros(4, 5, dtype=torch.float64)
    fed, held = [], []
    for t in range(6):
        fed.append(sequences[:, t] @ network.into.weight.T + network.into.bias + h @ network.within.weight.T)
        h = torch.tanh(fed[-1])
        held.append(h)
    expected = h @ network.out.weight.T + network.out.bias
    assert torch.allclose(network(sequences), expected)
    outputs, states = network(sequences, with_states=True)
    assert torch.allclose(outputs, expected)
    assert torch.allclose(states, torch.stack(fed, 1))
    at_all_times = torch.stack(held, 1) @ network.out.weight.T + network.out.bias
    assert torch.allclose(always(sequences), at_all_times)


def test_recurrent_weights_are_sparse_with_a_spectral_radius_just_above_one():
    weight = RecurrentNetwork(2, 100, 1, generator()).within.weight
    assert ((weight != 0).sum(1) == 15).all()
    assert torch.linalg.eigvals(weight).abs().max().item() == pytest.approx(1.1)


def test_the_seed_decides_network_and_sequences():
    first, again, single, other = build(), build(), build(dtype=torch.float32), build(seed=1)
    assert torch.equal(first.batch.inputs, again.batch.inputs)
    assert first.evaluate() == again.evaluate()
    assert torch.equal(first.batch.inputs.float(), single.batch.inputs)
    for p, q in zip(first.parameters, single.parameters, strict=True):
        assert torch.equal(p.float(), q)
    assert not torch.equal(first.batch.inputs, other.batch.inputs)


def test_the_error_is_on_sequences_that_no_job_trains_on():
    task = build(cases=3)
    seen = build(cases=1_000)
    assert task.evaluate() == build(cases=3).evaluate()
    with torch.no_grad():
        fresh = draw(10_000, 12, generator(2**31))
        wrong = share_off(task.batch.model(fresh[0]), fresh[1]).item()
    assert task.evaluate()["eval_error"] == pytest.approx(wrong)
    assert not torch.isin(fresh[0][:, 0, 0], seen.batch.inputs[:, 0, 0]).any()


@pytest.mark.parametrize(
    ("cases", "wrong", "solved"), [(10_000, 9, 1), (10_000, 10, 0), (900, 0, 1), (900, 1, 0)]
)
def test_it_is_solved_with_less_than_one_in_a_thousand_wrong(cases, wrong, solved):
    model = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    targets = torch.zeros(cases, 1)
    targets[-wrong:] = 1.0 if wrong else 0.0
    one = torch.zeros(1, 1)
    data = Split(inputs=one, targets=one, held_out_inputs=torch.zeros(cases, 1), held_out_targets=targets)
    parts = {"loss_function": torch.nn.MSELoss(), "error": share_off, "data": data, "batch_size": None}
    found = SolvableTask(model=model, seed=0, **parts).evaluate()
    assert found["solved"] == solved
    assert found["eval_error"] == pytest.approx(wrong / cases)


@pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")
@pytest.mark.parametrize(("optimizer", "steps"), [("hessianfree", 15), ("lbfgs", 60)])
def test_short_ones_are_learned_and_gradients_are_finite(optimizer, steps):
    records = records_of(
        session("addition", optimizer, problem_params=SMALL | {"cases": 200, "hidden_size": 20}, steps=steps)
    )
    assert records[-1].metrics["loss_after"] < 0.042 / 2  # below what the mean answer gets
    assert all(0 < record.metrics["gradient_norm"] < float("inf") for record in records)
