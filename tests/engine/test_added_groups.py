"""Groups that come later, that are frozen in part or altogether, and those that cannot be added."""

import pytest
import torch

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree


def test_the_next_cg_start_is_kept_for_the_old_part_and_zero_for_the_new():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters[:2])
    opt.step(problem.forward)
    start = opt.state["x0"].clone()
    added = problem.parameters[2:]
    opt.add_param_group({"params": added})
    assert torch.equal(opt.state["x0"][: len(start)], start)
    assert not opt.state["x0"][len(start) :].any()
    assert len(opt.state["x0"]) == problem.dimension

    expected = opt.state["x0"]
    dampings = torch.full((problem.dimension,), opt.param_groups[0]["damping"], dtype=torch.float64)
    dampings[len(start) :] = 1.0  # the constructor's, as for every option that a new group leaves out
    A = problem.dense_ggn() + torch.diag(dampings)
    model_value = (0.5 * expected @ A @ expected + problem.dense_gradient() @ expected).item()
    opt.step(problem.forward)
    assert opt.last_trace.model_values[0] == pytest.approx(model_value, rel=1e-10)


def test_before_the_first_step():
    problem, other = problems.make("mse"), problems.make("mse")
    opt = HessianFree(problem.parameters[:2])
    opt.add_param_group({"params": problem.parameters[2:]})
    assert opt.step(problem.forward) == HessianFree(other.parameters).step(other.forward)


def test_one_tensor_alone_and_a_frozen_one():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters[:2])
    opt.step(problem.forward)
    start = opt.state["x0"].clone()
    frozen = torch.nn.Parameter(torch.ones(3, dtype=torch.float64), requires_grad=False)
    opt.add_param_group({"params": frozen})
    assert torch.equal(opt.state["x0"], start)
    opt.add_param_group({"params": problem.parameters[2]})
    opt.step(problem.forward)
    assert opt.state["x0"].numel() == sum(p.numel() for p in problem.parameters[:3])


@pytest.mark.parametrize("way", ["forward", "model"])
@pytest.mark.parametrize("lr", [0.3, 9.0])
def test_a_group_that_is_frozen_altogether_does_not_count(way, lr):
    """Neither its damping, nor its rate, nor its decay, whichever they are."""
    problem, other = problems.make("frozen"), problems.make("frozen")
    opt = HessianFree(
        [
            {"params": problem.parameters[:2], "lr": lr, "damping": 50.0, "weight_decay": 4.0},
            {"params": problem.parameters[2:]},
        ]
    )
    plain = HessianFree(other.parameters[2:])
    for _ in range(3):
        assert advance(opt, problem, way) == advance(plain, other, way)
        assert opt.last_report.step_scale == plain.last_report.step_scale
    assert torch.equal(problem.vector(), other.vector())


def test_a_group_may_be_frozen_and_thawed_between_steps():
    problem = problems.make("mse")
    opt = HessianFree([{"params": problem.parameters[:2]}, {"params": problem.parameters[2:]}])
    opt.step(problem.forward)
    kept = [p.detach().clone() for p in problem.parameters[:2]]
    for p in problem.parameters[:2]:
        p.requires_grad_(False)
    frozen = opt.step(problem.forward)
    assert all(torch.equal(p, old) for p, old in zip(problem.parameters[:2], kept, strict=True))
    for p in problem.parameters[:2]:
        p.requires_grad_(True)
    assert opt.step(problem.forward) < frozen
    assert not torch.equal(problem.parameters[0], kept[0])


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ({"params": torch.nn.Parameter(torch.ones(2, dtype=torch.float32))}, "one dtype and one device"),
        ({"params": torch.nn.Parameter(torch.ones(2, device="meta", dtype=torch.float64))}, "meta"),
        (
            {"params": torch.nn.Parameter(torch.ones(2, dtype=torch.float64)), "weight_decay": -1.0},
            "weight_decay",
        ),
    ],
    ids=["dtype", "device", "decay"],
)
def test_a_group_that_does_not_fit_changes_nothing(group, named):
    problem, other = problems.make("mse"), problems.make("mse")
    opt, plain = HessianFree(problem.parameters), HessianFree(other.parameters)
    opt.step(problem.forward)
    with pytest.raises(ValueError, match=named):
        opt.add_param_group(group)
    assert len(opt.param_groups) == 1
    plain.step(other.forward)
    assert opt.step(problem.forward) == plain.step(other.forward)


def test_named_parameters_will_do():
    problem, other = problems.make("mse"), problems.make("mse")
    opt = HessianFree(problem.model.named_parameters())
    assert opt.param_groups[0]["param_names"] == [name for name, _ in problem.model.named_parameters()]
    assert opt.step(problem.forward) == HessianFree(other.parameters).step(other.forward)
