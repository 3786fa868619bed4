"""What a step tells: the report in plain numbers, and the trace of its inner solve."""

import dataclasses
import itertools
import math
import re
from pathlib import Path

import pytest
import torch

from engine import problems
from engine.runs import SWITCHES, trained
from hessianfree import SolveTrace, StepReport
from hessianfree.optimizer import HessianFree


def test_the_report_has_the_metrics_of_the_wire():
    wire = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
    table = wire.split("## StepRecord")[1].split("\n## ")[0]
    first_column = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    names = set(re.findall(r"`(\w+)`", first_column))
    of_the_problem = {"eval_loss", "eval_error", "train_error", "suboptimality", "x", "y"}
    of_a_rival = {"momentum"}
    of_a_spectrum = {"spectrum_largest", "spectrum_smallest", "spectrum_trace"}
    of_the_trace = {"ritz_smallest", "ritz_largest", "ritz_condition"}
    of_the_session = {"seconds_rest", "examples"}
    others = of_the_problem | of_a_rival | of_a_spectrum | of_the_trace | of_the_session
    assert others < names
    assert {field.name for field in dataclasses.fields(StepReport)} == names - others


def test_the_report_is_plain_and_frozen():
    _, opt, _ = trained(1)
    report = opt.last_report
    assert isinstance(report, StepReport)
    values = dataclasses.asdict(report)
    assert {values.pop(name) for name in ("rejection", "negative_curvature", "trust_radius")} == {None}
    for name, value in values.items():
        assert type(value) in (int, float, str, bool), name
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.loss = 0.0


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_the_report_says_what_happened(switches, curvature_opt):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, curvature_opt, damping=3.0, **switches)
    assert opt.last_report is None
    assert opt.last_trace is None
    for step in range(3):
        before, g, damping = problem.vector(), problem.dense_gradient(), opt.param_groups[0]["damping"]
        loss = problem.forward()[0].item()
        final = opt.step(problem.forward)
        report = opt.last_report
        assert report.loss == loss
        assert report.loss_after == final
        assert report.gradient_norm == pytest.approx(g.norm().item(), rel=1e-10)
        assert report.step_norm == pytest.approx((problem.vector() - before).norm().item(), rel=1e-10)
        assert report.parameter_norm == pytest.approx(before.norm().item(), rel=1e-12)
        assert report.damping == damping
        cosine = -(g @ (problem.vector() - before)) / (g.norm() * report.step_norm)
        assert report.step_angle == pytest.approx(math.degrees(math.acos(cosine)), abs=1e-5)
        assert report.accepted is True
        assert report.step_scale == opt.state["learning_rates"][-1]
        assert report.cg_iterations == opt.state["num_cg_iters"][-1]
        assert report.cg_stop == opt.state["cg_reasons"][-1]
        assert 0 <= report.cg_chosen_iteration <= report.cg_iterations
        assert report.curvature_products == report.cg_iterations + (step > 0)
        product = {"ggn": 4 / 3, "hessian": 2.0}[curvature_opt]
        assert report.gradient_equivalents == pytest.approx(
            1 + product * report.curvature_products + report.loss_evaluations / 3
        )
        assert min(report.seconds_gradient, report.seconds_cg, report.seconds_search) >= 0
        assert report.peak_memory_bytes > 10_000_000


def test_the_ratio_is_measured_from_zero_against_the_damped_quadratic():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, damping=2.0)
    for _ in range(4):
        damping = opt.param_groups[0]["damping"]
        A = problem.dense_ggn() + damping * torch.eye(problem.dimension, dtype=torch.float64)
        g, origin = problem.dense_gradient(), problem.vector()
        opt.step(problem.forward)
        x = opt.state["x0"] / 0.95
        actual = (problem.loss_at(origin + x) - problem.loss_at(origin)).item()
        predicted = (0.5 * x @ A @ x + g @ x).item()
        assert opt.last_report.reduction_ratio == pytest.approx(actual / predicted, rel=1e-8)
        assert opt.last_report.predicted_reduction == pytest.approx(-predicted, rel=1e-8)
        assert opt.last_report.actual_reduction == pytest.approx(-actual, rel=1e-8)


def test_a_step_along_the_gradient_has_no_angle_and_a_rejected_one_none():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, damping=1e8, cg_max_iter=1)
    opt.step(problem.forward)
    assert opt.last_report.step_angle == pytest.approx(0.0, abs=1e-4)
    opt.param_groups[0]["lr"] = 0.0
    opt.step(problem.forward)
    assert opt.last_report.accepted is False
    assert opt.last_report.step_angle is None


def test_reductions_are_not_told_where_the_ratio_is_not_measured():
    settings = {"adapt_damping": False, "use_cg_backtracking": False, "use_linesearch": False}
    _, opt, _ = trained(2, lr=0.5, **settings)  # half the solution is tried, and it is not
    report = opt.last_report
    assert {report.reduction_ratio, report.predicted_reduction, report.actual_reduction} == {None}


# The trace


def test_the_trace_tells_the_inner_solve():
    _, opt, _ = trained(3)
    trace, report = opt.last_trace, opt.last_report
    assert isinstance(trace, SolveTrace)
    assert trace.stop == report.cg_stop
    assert trace.loss == report.loss
    assert trace.damping == report.damping
    assert trace.chosen_iteration == report.cg_chosen_iteration
    assert trace.preconditioned is False
    assert len(trace.model_values) == len(trace.residual_norms) == report.cg_iterations + 1
    assert len(trace.alphas) == len(trace.betas) == report.cg_iterations
    assert all(later < earlier for earlier, later in itertools.pairwise(trace.model_values))
    assert trace.residual_norms[-1] < 1e-5 * report.gradient_norm


def test_the_trace_knows_which_kept_iterates_were_tried():
    _, opt, _ = trained(3)
    kept = dict(opt.last_trace.kept)
    last = opt.last_report.cg_iterations
    assert list(kept) == sorted({i for i in (0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 23) if i < last} | {last})
    tried = {i: loss for i, loss in kept.items() if loss is not None}
    assert last in tried
    assert min(tried, key=tried.__getitem__) == opt.last_trace.chosen_iteration
    first_tried = min(tried)
    assert all(kept[i] is None for i in kept if i < first_tried), "tried from the last towards the first"


def test_the_trace_has_the_true_losses_of_kept_iterates():
    """After one CG iteration both are tried: the solution, and the start, which is zero only in the first step."""
    problem = problems.make("cross-entropy")
    opt = HessianFree(problem.parameters, cg_max_iter=1)
    for _ in range(3):
        origin, start = problem.vector(), opt.state["x0"].clone()
        opt.step(problem.forward)
        solution = opt.state["x0"] / 0.95
        assert dict(opt.last_trace.kept) == pytest.approx(
            {0: problem.loss_at(origin + start).item(), 1: problem.loss_at(origin + solution).item()},
            rel=1e-12,
        )
    assert start.any()


def test_iterates_are_kept_only_for_backtracking():
    """Each is a vector as long as the parameters."""
    _, opt, _ = trained(3, use_cg_backtracking=False)
    last = opt.last_report.cg_iterations
    assert last > 4
    assert {i for i, _ in opt.last_trace.kept} <= {0, last}
    assert opt.last_report.cg_chosen_iteration == last


def test_the_trace_shows_the_line_search():
    problem = problems.make("mse-sum")
    opt = HessianFree(problem.parameters, lr=10.0)
    final = opt.step(problem.forward)
    trials = opt.last_trace.line_search
    assert [scale for scale, _ in trials] == pytest.approx([10.0 * 0.8**i for i in range(len(trials))])
    assert len(trials) > 1
    assert trials[-1] == (opt.last_report.step_scale, final)


def test_ritz_values_are_eigenvalues_when_cg_has_seen_all_of_the_space():
    eigenvalues = torch.tensor([1.0, 2.0, 5.0, 9.0], dtype=torch.float64)
    x = torch.nn.Parameter(torch.ones(4, dtype=torch.float64))
    opt = HessianFree([x], curvature_opt="hessian", damping=0.5)
    opt.step(lambda: (0.5 * (eigenvalues * x**2).sum(), None))
    assert opt.last_trace.ritz_values() == pytest.approx((eigenvalues + 0.5).tolist(), rel=1e-6)


def test_ritz_values_lie_within_the_spectrum():
    _, opt, _ = trained(1, name="mse")
    spectrum = torch.linalg.eigvalsh(problems.make("mse").dense_ggn()) + 1.0
    values = opt.last_trace.ritz_values()
    assert len(values) == opt.last_report.cg_iterations
    assert list(values) == sorted(values)
    assert spectrum[0] - 1e-9 <= values[0]
    assert values[-1] == pytest.approx(spectrum[-1].item(), rel=1e-3)


def test_the_trace_says_when_there_was_a_preconditioner():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward, M_func=lambda v: 0.5 * v)
    assert opt.last_trace.preconditioned is True
    assert all(map(math.isfinite, opt.last_trace.ritz_values()))
