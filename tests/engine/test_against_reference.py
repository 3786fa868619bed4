"""The engine's parameters after eight steps are those of the transcription in reference.py, and so are its reports.

Float64, to 1e-10. The problems are such that rounding does not grow: perturbing the first parameters by 1e-16 moves the
last ones by less than 1e-11. So the damping of the Hessian is large enough to keep its matrix positive definite (CG on
an indefinite one is no algorithm to agree on), and CG does not go on where it has lost its conjugacy.
"""

import pytest
import torch

from engine import problems
from engine.reference import ReferenceHessianFree
from hessianfree.optimizer import HessianFree

STEPS = 8
DAMPING = {"ggn": 2.0, "hessian": 8.0}
SWITCHES = {
    "defaults": {},
    "fixed damping": {"adapt_damping": False},
    "no backtracking": {"use_cg_backtracking": False},
    "no line search": {"use_linesearch": False},
    "cold start": {"cg_decay_x0": 0.0},
    "full warm start": {"cg_decay_x0": 1.0},
    "half warm start": {"cg_decay_x0": 0.5},
    "plain": {
        "adapt_damping": False,
        "use_cg_backtracking": False,
        "use_linesearch": False,
        "cg_decay_x0": 0.0,
    },
    "damping alone": {"use_cg_backtracking": False, "use_linesearch": False},
    "backtracking alone": {"adapt_damping": False, "use_linesearch": False},
    "line search alone": {"adapt_damping": False, "use_cg_backtracking": False},
    "short lr": {"lr": 0.3},
    "short lr, no line search": {"lr": 0.3, "use_linesearch": False},
    "long lr": {"lr": 3.0},
    "three iterations": {"cg_max_iter": 3},
    "one iteration": {"cg_max_iter": 1},
    "as many iterations as unknowns": {"cg_max_iter": None},
}


def both(name, M_of=None, steps=STEPS, **settings):
    """Train two copies of a problem; answer the two optimizers, their problems, and the losses of each step."""
    ours, theirs = problems.make(name), problems.make(name)
    settings = {"damping": DAMPING[settings.get("curvature_opt", "ggn")], **settings}
    optimizer = HessianFree(ours.parameters, **settings)
    reference = ReferenceHessianFree(theirs.parameters, **settings)
    steps_of_both = []
    for _ in range(steps):
        M = None if M_of is None else M_of(reference.damping, theirs)
        loss = optimizer.step(ours.forward, M_func=M)
        steps_of_both.append((loss, reference.step(theirs.forward, M_func=M), optimizer.last_report))
    return optimizer, ours, reference, theirs, steps_of_both


def assert_agree(optimizer, ours, reference, theirs, steps_of_both):
    torch.testing.assert_close(ours.vector(), theirs.vector(), rtol=0, atol=1e-10)
    for loss, expected, _ in steps_of_both:
        assert loss == pytest.approx(expected, rel=1e-10, abs=1e-12)
    history = reference.history
    assert_same_reports([report for *_, report in steps_of_both], history)
    for name in ("init_losses", "final_losses", "dampings", "learning_rates"):
        assert optimizer.state[name] == pytest.approx(getattr(history, name), rel=1e-9, abs=1e-12), name
    for name in ("cg_reasons", "num_cg_iters"):
        assert optimizer.state[name] == getattr(history, name), name
    if history.best_cg_iters:
        assert optimizer.state["best_cg_iters"] == history.best_cg_iters
    assert optimizer.param_groups[0]["damping"] == pytest.approx(reference.damping, rel=1e-12)


def assert_same_reports(reports, history):
    """What a step tells beside its history. Differences of losses have their rounding, small angles the cosine's."""
    norms = [report.parameter_norm for report in reports]
    assert norms == pytest.approx(history.parameter_norms, rel=1e-10)
    for report, angle in zip(reports, history.angles, strict=True):
        assert report.step_angle == (None if angle is None else pytest.approx(angle, abs=1e-5))
    if history.reductions:
        told = [(report.predicted_reduction, report.actual_reduction) for report in reports]
        for ours, theirs in zip(told, history.reductions, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_same_parameters_with_every_switch(switches, curvature_opt):
    assert_agree(*both("cross-entropy", curvature_opt=curvature_opt, **switches))


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("name", ["mse", "bce", "coupled", "frozen", "convolutional", "tied", "unused"])
def test_same_parameters_on_every_kind_of_problem(name, curvature_opt):
    assert_agree(*both(name, curvature_opt=curvature_opt, damping=2 * DAMPING[curvature_opt]))


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
@pytest.mark.parametrize("switches", ["defaults", "no line search", "cold start", "no backtracking"])
def test_same_parameters_where_the_model_is_trusted_too_far(switches):
    """Sums of losses at little damping: ratios on all sides of the thresholds, below zero too, and short steps."""
    optimizer, *rest = both("mse-sum", damping=2.0, cg_max_iter=8, **SWITCHES[switches])
    assert_agree(optimizer, *rest)
    history = rest[1].history
    assert min(history.ratios) < 0
    assert max(history.ratios) > 0.75
    if switches != "no line search":
        assert min(history.learning_rates) < 1.0


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize(
    "switches", ["defaults", "no backtracking", "cold start", "no line search", "short lr"]
)
def test_same_parameters_with_a_preconditioner(switches, curvature_opt):
    """One that follows the damping and the parameters, as the empirical Fisher diagonal does."""

    def M_of(damping, problem):
        diagonal = torch.diagonal(problem.dense_ggn())
        return lambda v: v / (diagonal + damping) ** 0.75

    optimizer, ours, *rest = both("mse", M_of, curvature_opt=curvature_opt, **SWITCHES[switches])
    assert_agree(optimizer, ours, *rest)
    without = both("mse", curvature_opt=curvature_opt, **SWITCHES[switches])[1]
    assert (without.vector() - ours.vector()).abs().max() > 1e-8


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_same_parameters_with_gradient_and_product_given(curvature_opt):
    """A gradient and a matrix that are not forward's: the optimizer must use what it is given."""
    ours, theirs = problems.make("mse"), problems.make("mse")
    settings = {"curvature_opt": curvature_opt, "damping": 0.7}
    optimizer = HessianFree(ours.parameters, **settings)
    reference = ReferenceHessianFree(theirs.parameters, **settings)
    for _ in range(4):
        B = theirs.dense_ggn() + torch.diag(torch.linspace(0, 1, theirs.dimension, dtype=torch.float64))
        g = 1.1 * theirs.dense_gradient()
        optimizer.step(ours.forward, grad=g, mvp=lambda v, B=B: B @ v)
        reference.step(theirs.forward, grad=g, B=B)
    torch.testing.assert_close(ours.vector(), theirs.vector(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("given", ["grad", "mvp"])
def test_same_parameters_with_one_of_gradient_and_product_given(given):
    ours, theirs = problems.make("cross-entropy"), problems.make("cross-entropy")
    optimizer, reference = HessianFree(ours.parameters), ReferenceHessianFree(theirs.parameters)
    for _ in range(4):
        if given == "grad":
            g = 0.9 * theirs.dense_gradient()
            optimizer.step(ours.forward, grad=g)
            reference.step(theirs.forward, grad=g)
        else:
            B = 2 * theirs.dense_ggn()
            optimizer.step(lambda: (ours.forward()[0], None), mvp=lambda v, B=B: B @ v)
            reference.step(theirs.forward, B=B)
    torch.testing.assert_close(ours.vector(), theirs.vector(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["mse", "coupled", "tied", "unused"])
def test_the_reference_itself_is_right(name):
    """Its matrices are torch.func's, which share no code with it."""
    from engine import reference

    problem = problems.make(name)
    loss, outputs = problem.forward()
    close = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(reference.gradient(loss, problem.trainable), problem.dense_gradient(), **close)
    torch.testing.assert_close(reference.hessian(loss, problem.trainable), problem.dense_hessian(), **close)
    torch.testing.assert_close(reference.ggn(loss, outputs, problem.trainable), problem.dense_ggn(), **close)


def test_the_problems_use_what_the_switches_switch():
    """Backtracking takes an earlier iterate somewhere, and the warm start and the damping change the path."""
    default = both("cross-entropy")[2].history
    assert default.best_cg_iters != default.num_cg_iters
    assert len(set(default.dampings)) == STEPS
    for switches in (
        "fixed damping",
        "no backtracking",
        "cold start",
        "half warm start",
        "short lr",
        "long lr",
    ):
        changed = both("cross-entropy", **SWITCHES[switches])[2].history
        assert changed.final_losses[-1] != pytest.approx(default.final_losses[-1], rel=1e-7), switches
