"""L-BFGS: torch's own iterates, every evaluation counted, none paid for twice."""

import pytest
import torch

from server.training.sessions import records_of, session


class CountedForwards:
    """Counts what an optimizer asks of a task."""

    def __init__(self, task):
        self.calls = 0
        self._forward = task.forward
        task.forward = self.forward

    def forward(self):
        self.calls += 1
        return self._forward()


def test_every_evaluation_of_lbfgs_is_counted():
    spec_session = session("rosenbrock", "lbfgs", steps=20)
    counted = CountedForwards(spec_session.task)
    total = sum(record.metrics["gradient_equivalents"] for record in records_of(spec_session))
    assert total == counted.calls
    assert total >= 20


def test_lbfgs_never_pays_for_a_point_of_unchanged_data_twice():
    spec_session = session("digits-classifier", "lbfgs", steps=10)
    points = []
    forward = spec_session.task.forward

    def remember():
        points.append(torch.cat([p.detach().flatten() for p in spec_session.task.parameters]))
        return forward()

    spec_session.task.forward = remember
    list(spec_session)
    assert not any(torch.equal(p, q) for i, p in enumerate(points) for q in points[:i])


def test_lbfgs_equals_torchs_own_loop():
    spec_session = session("digits-classifier", "lbfgs", steps=12, dtype="float64")
    reference = session("digits-classifier", "lbfgs", steps=12, dtype="float64")
    losses = [record.metrics["loss"] for record in records_of(spec_session)]

    options = {"max_iter": 1, "max_eval": 25, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS(reference.task.parameters, **options)

    def closure():
        optimizer.zero_grad()
        loss, _ = reference.task.forward()
        loss.backward()
        return loss

    expected = [optimizer.step(closure).item() for _ in range(12)]
    assert losses == expected


def test_lbfgs_forgets_the_losses_of_another_batch():
    params = {"batch_size": 100}
    spec_session = session("digits-classifier", "lbfgs", steps=6, problem_params=params)
    for records in spec_session:
        loss, _ = spec_session.task.forward()  # still the batch of the step just made
        if "loss_after" in records[0].metrics:
            assert records[0].metrics["loss_after"] == pytest.approx(loss.item(), rel=1e-6)
        assert records[0].metrics["gradient_equivalents"] >= 2


def test_lbfgs_without_line_search_takes_its_learning_rate():
    params = {"line_search_fn": "none", "lr": 0.1}
    records = records_of(session("quadratic", "lbfgs", optimizer_params=params))
    assert records[1].metrics["step_scale"] == 0.1
    assert [record.metrics["gradient_equivalents"] for record in records] == [1, 1, 1]
