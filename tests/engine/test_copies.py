"""deepcopy and pickle of an optimizer: everything it knows, bit-equal steps, and its link to the model."""

import copy
import pickle

import pytest
import torch

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree
from hessianfree.execution import Execution
from hessianfree.loss_slice import LossSlice

SETTINGS = {
    "curvature_opt": "hessian",
    "damping": 8.0,
    "cg_max_iter": 30,
    "weight_decay": 0.1,
    "reject_worse": True,
    "execution": Execution(graph_memory_bytes=2**20, loss_slice=LossSlice(scales=(0.5,))),
}
WAYS_TO_COPY = pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["deepcopy", "pickle"]
)


def trained(steps=2, **settings):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, **(SETTINGS | settings))
    for _ in range(steps):
        opt.step(problem.forward)
    return problem, opt


def on(model, problem):
    return problems.Problem(
        model=model, loss_function=problem.loss_function, inputs=problem.inputs, targets=problem.targets
    )


@WAYS_TO_COPY
@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("way", ["forward", "model"])
def test_a_copy_of_both_steps_on_to_the_bit_and_apart(copied, way, steps):
    problem, opt = trained(steps)
    model, twin = copied((problem.model, opt))
    mine = [id(p) for p in model.parameters()]
    assert [id(p) for group in twin.param_groups for p in group["params"]] == mine
    before = problem.vector()
    other = on(model, problem)
    stepped = [advance(twin, other, way) for _ in range(3)]
    assert torch.equal(problem.vector(), before)
    assert len(opt.state["init_losses"]) == steps
    assert [advance(opt, problem, way) for _ in range(3)] == stepped
    assert torch.equal(problem.vector(), other.vector())
    assert opt.state["init_losses"] == twin.state["init_losses"]
    assert opt.param_groups[0]["damping"] == twin.param_groups[0]["damping"]


@WAYS_TO_COPY
def test_nothing_is_forgotten(copied):
    _, opt = trained(maximize=True, curvature_opt="ggn", reject_worse=False, verbose=True)
    twin = copied(opt)
    for name in ("method", "execution", "maximize", "verbose", "last_report", "last_trace"):
        assert getattr(twin, name) == getattr(opt, name), name
    assert twin.defaults.items() >= opt.defaults.items()
    assert set(vars(twin)) >= set(vars(opt)) - {"_warned_capturable_if_run_uncaptured", "_opt_called"}
    assert torch.equal(twin.state["x0"], opt.state["x0"])
    assert twin.state["x0"] is not opt.state["x0"]


@WAYS_TO_COPY
def test_callbacks_and_hooks_stay_with_the_original(copied):
    problem, opt = trained(0)
    seen = []
    opt.on_step(lambda report, trace: seen.append("callback"))
    opt.register_step_post_hook(lambda *_: seen.append("hook"))
    model, twin = copied((problem.model, opt))
    other = on(model, problem)
    twin.step(other.forward)
    assert seen == []
    own = []
    twin.on_step(lambda report, trace: own.append(report))
    twin.step(other.forward)
    assert own == [twin.last_report]
    opt.step(problem.forward)
    assert seen == ["callback", "hook"]


@WAYS_TO_COPY
def test_a_copy_saves_a_history_of_its_own(copied):
    problem, opt = trained(1)
    model, twin = copied((problem.model, opt))
    saved = twin.state_dict()
    twin.step(on(model, problem).forward)
    assert len(saved["state"]["init_losses"]) == 1


@WAYS_TO_COPY
def test_a_scheduled_optimizer_is_copied_with_its_schedule(copied):
    problem, opt = trained(0, use_linesearch=False)
    schedule = torch.optim.lr_scheduler.StepLR(opt, step_size=1, gamma=0.5)
    opt.step(problem.forward)
    schedule.step()
    model, twin = copied((problem.model, opt))
    other = on(model, problem)
    assert twin.step(other.forward) == opt.step(problem.forward)
    assert twin.last_report.step_scale == 0.5


def test_a_whole_optimizer_through_torch_save(tmp_path):
    problem, opt = trained(2)
    torch.save((problem.model, opt), tmp_path / "whole.pt")
    model, twin = torch.load(tmp_path / "whole.pt", weights_only=False)
    assert twin.step(on(model, problem).forward) == opt.step(problem.forward)
