"""The hooks of torch.optim.Optimizer around `step` and `acc_step` alike, and `on_step`."""

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree, SolveTrace, StepReport

WAYS = pytest.mark.parametrize("way", ["forward", "model"])


@pytest.fixture
def problem():
    return problems.make("mse")


# torch's own


@WAYS
@pytest.mark.parametrize("everywhere", [False, True])
def test_step_hooks_are_called_once_before_and_after(problem, way, everywhere):
    opt, seen = HessianFree(problem.parameters), []

    def before(optimizer, args, kwargs):
        seen.append(("before", len(optimizer.state["init_losses"])))

    def after(optimizer, args, kwargs):
        seen.append(("after", len(optimizer.state["init_losses"])))

    if everywhere:
        handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    else:
        handles = [opt.register_step_pre_hook(before), opt.register_step_post_hook(after)]
    try:
        advance(opt, problem, way)
        assert seen == [("before", 0), ("after", 1)]
    finally:
        for handle in handles:
            handle.remove()
    advance(opt, problem, way)
    assert len(seen) == 2


def test_a_pre_hook_may_change_the_arguments(problem):
    opt, calls = HessianFree(problem.parameters), []

    def counted():
        calls.append(1)
        return problem.forward()

    opt.register_step_pre_hook(lambda optimizer, args, kwargs: ((args[0], counted, *args[2:]), kwargs))
    opt.step(problem.forward)
    assert calls


@WAYS
def test_the_profiler_sees_the_step(problem, way):
    opt = HessianFree(problem.parameters)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        advance(opt, problem, way)
        opt.zero_grad()
    counts = {event.key: event.count for event in profile.key_averages()}
    assert counts["Optimizer.step#HessianFree.step"] == 1
    assert counts["Optimizer.zero_grad#HessianFree.zero_grad"] == 1


def test_gradients_of_others_are_left_alone_and_zero_grad_clears_them(problem):
    opt = HessianFree(problem.parameters)
    problem.forward()[0].backward()
    kept = [p.grad.clone() for p in problem.parameters]
    opt.step(problem.forward)
    assert all(torch.equal(p.grad, old) for p, old in zip(problem.parameters, kept, strict=True))
    opt.zero_grad(set_to_none=False)
    assert not any(p.grad.any() for p in problem.parameters)
    opt.zero_grad()
    assert all(p.grad is None for p in problem.parameters)


def test_hooks_around_saving(problem):
    opt, seen = HessianFree(problem.parameters), []
    opt.step(problem.forward)
    opt.register_state_dict_pre_hook(lambda optimizer: seen.append("before"))

    def mark(optimizer, saved):
        seen.append("after")
        saved["note"] = "mine"

    opt.register_state_dict_post_hook(mark)
    assert opt.state_dict()["note"] == "mine"
    assert seen == ["before", "after"]
    opt.register_state_dict_post_hook(lambda optimizer, saved: {"wrapped": saved})
    assert opt.state_dict()["wrapped"]["note"] == "mine"


def test_a_saving_hook_does_not_reach_the_history(problem):
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    opt.register_state_dict_post_hook(lambda optimizer, saved: saved["state"]["init_losses"].clear())
    assert opt.state_dict()["state"]["init_losses"] == []
    assert len(opt.state["init_losses"]) == 1


def test_hooks_around_loading(problem):
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    saved, seen = opt.state_dict(), []
    restored = HessianFree(problem.parameters)

    def heavier(optimizer, loaded):
        loaded["param_groups"][0]["damping"] = 5.0

    restored.register_load_state_dict_pre_hook(heavier)
    restored.register_load_state_dict_post_hook(
        lambda optimizer: seen.append(len(optimizer.state["init_losses"]))
    )
    restored.load_state_dict(saved)
    assert restored.param_groups[0]["damping"] == 5.0
    assert saved["param_groups"][0]["damping"] == opt.param_groups[0]["damping"] != 5.0
    assert seen == [1]


# on_step


@WAYS
def test_a_callback_gets_the_report_and_the_trace_of_every_step(problem, way):
    opt, seen = HessianFree(problem.parameters), []
    handle = opt.on_step(lambda report, trace: seen.append((report, trace, problem.vector())))
    for i in range(3):
        final = advance(opt, problem, way)
        report, trace, vector = seen[-1]
        assert (report, trace) == (opt.last_report, opt.last_trace)
        assert isinstance(report, StepReport)
        assert isinstance(trace, SolveTrace)
        assert report.loss_after == final
        assert torch.equal(vector, problem.vector()), "the step is done"
        assert len(seen) == i + 1
    handle.remove()
    advance(opt, problem, way)
    assert len(seen) == 3


def test_callbacks_are_called_in_order_and_may_remove_themselves(problem):
    opt, seen, handles = HessianFree(problem.parameters), [], []

    def once(report, trace):
        seen.append("once")
        handles[0].remove()

    handles.append(opt.on_step(once))
    opt.on_step(lambda report, trace: seen.append("always"))
    opt.step(problem.forward)
    opt.step(problem.forward)
    assert seen == ["once", "always", "always"]


@WAYS
def test_a_callback_that_raises_leaves_a_whole_step_behind(problem, way):
    other = problems.make("mse")
    opt, undisturbed = HessianFree(problem.parameters), HessianFree(other.parameters)

    def fail(report, trace):
        raise RuntimeError("disk full")

    handle = opt.on_step(fail)
    with pytest.raises(RuntimeError, match="disk full"):
        advance(opt, problem, way)
    final = advance(undisturbed, other, way)
    assert opt.last_report.loss_after == final
    assert opt.state["final_losses"] == [final]
    assert torch.equal(problem.vector(), other.vector())
    handle.remove()
    assert advance(opt, problem, way) == advance(undisturbed, other, way)


@pytest.mark.filterwarnings("error")
def test_a_callback_comes_before_a_warning_that_is_an_error(problem):
    opt, seen = HessianFree(problem.parameters, use_linesearch=False, use_cg_backtracking=False), []
    opt.on_step(lambda report, trace: seen.append(report))
    with pytest.raises(UserWarning, match="rho"):
        opt.step(problem.forward, grad=-problem.dense_gradient())
    assert seen == [opt.last_report]


def test_an_optimizer_of_parts_has_callbacks_too(problem):
    opt = HessianFree.from_method(problem.parameters, HessianFree(problem.parameters).method)
    seen = []
    opt.on_step(lambda report, trace: seen.append(report))
    opt.step(problem.forward)
    assert seen == [opt.last_report]
