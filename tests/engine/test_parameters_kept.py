"""What a step leaves alone: the parameters when something raises, their storage always, the rest of the model."""

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters


class Interruption(BaseException):
    """Not an Exception: as a KeyboardInterrupt is none."""


class Failing:
    """Calls through to a function until the call number `at`, which raises; `at` None: counts only."""

    def __init__(self, function, at=None, error=Interruption):
        self.function, self.at, self.error, self.calls = function, at, error, 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return self.function(*arguments)


def bits(problem):
    return [p.detach().clone() for p in problem.parameters]


def assert_same_bits(problem, before):
    assert all(torch.equal(p.detach(), old) for p, old in zip(problem.parameters, before, strict=True))


def halves(problem):
    return list(zip(problem.inputs.split([5, 7]), problem.targets.split([5, 7]), strict=True))


def advance(opt, problem, way, wrap):
    """One step in the `way` given, with `wrap` around what the user supplies."""
    if way == "forward":
        opt.step(wrap(problem.forward))
    elif way == "mvp":
        dense = problem.dense_ggn()
        opt.step(problem.forward, mvp=wrap(lambda v: dense @ v))
    elif way == "M_func":
        opt.step(problem.forward, M_func=wrap(lambda v: 0.5 * v))
    elif way == "model":
        opt.acc_step(wrap(problem.model), problem.loss_function, halves(problem))
    else:
        opt.acc_step(problem.model, wrap(problem.loss_function), halves(problem))


# A learning rate of two makes the line search try several points.
SETTINGS = {"damping": 2.0, "lr": 2.0}


@pytest.mark.parametrize("way", ["forward", "mvp", "M_func", "model", "loss_function"])
def test_whatever_call_raises_the_parameters_are_untouched(way):
    """Every n in turn; afterwards the optimizer goes on as if nothing had been."""
    undisturbed = problems.make("mse-sum")
    opt = HessianFree(undisturbed.parameters, **SETTINGS)
    counter = None
    for _ in range(2):
        counter = Failing(lambda *a: None)
        advance(opt, undisturbed, way, lambda f, c=counter: _through(c, f))
    for at in range(1, counter.calls + 1):
        problem = problems.make("mse-sum")
        opt = HessianFree(problem.parameters, **SETTINGS)
        advance(opt, problem, way, lambda f: f)
        before, damping, start = bits(problem), opt.param_groups[0]["damping"], opt.state["x0"].clone()
        with pytest.raises(Interruption):
            advance(opt, problem, way, lambda f, at=at: Failing(f, at))
        assert_same_bits(problem, before)
        assert all(p.requires_grad for p in problem.parameters)
        assert opt.param_groups[0]["damping"] == damping
        assert torch.equal(opt.state["x0"], start)
        assert len(opt.state["init_losses"]) == len(opt.state["dampings"]) == 1
        advance(opt, problem, way, lambda f: f)
        assert_same_bits(problem, bits(undisturbed))


def _through(counter, function):
    counter.function = function
    return counter


def test_the_calls_above_reach_every_phase():
    """Linearization, the last iterate, backtracking, and several trials of the line search."""
    problem = problems.make("mse-sum")
    opt = HessianFree(problem.parameters, **SETTINGS)
    opt.step(problem.forward)
    opt.step(problem.forward)
    assert len(opt.last_trace.line_search) > 1
    assert sum(loss is not None for _, loss in opt.last_trace.kept) > 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_trial_restores_to_the_bit(error):
    """Also where adding and subtracting the step would not: 1e8 swallows the parameters."""
    problem = problems.make("mse")
    view = Parameters([problem.parameters])
    before = bits(problem)
    step = torch.full((problem.dimension,), 1e8, dtype=torch.float64)

    def fail_at_trial():
        with view.trial(step):
            assert problem.vector().min() > 1e7
            raise error

    with pytest.raises(error):
        fail_at_trial()
    assert_same_bits(problem, before)
    with view.trial(step):
        pass
    assert_same_bits(problem, before)


@pytest.mark.parametrize("switches", [{}, {"use_linesearch": False}, {"use_cg_backtracking": False}], ids=str)
def test_parameters_keep_identity_storage_and_layout(switches):
    problem = problems.make("frozen")
    objects = problem.parameters
    places = [(p.data_ptr(), p.untyped_storage().data_ptr(), p.stride(), p.storage_offset()) for p in objects]
    opt = HessianFree(objects, **switches)
    before = bits(problem)
    for _ in range(3):
        opt.step(problem.forward)
        opt.acc_step(problem.model, problem.loss_function, halves(problem))
    assert all(p is q for p, q in zip(problem.model.parameters(), objects, strict=True))
    assert places == [
        (p.data_ptr(), p.untyped_storage().data_ptr(), p.stride(), p.storage_offset())
        for p in problem.model.parameters()
    ]
    moved = [not torch.equal(p.detach(), old) for p, old in zip(objects, before, strict=True)]
    assert moved == [p.requires_grad for p in objects]


def test_parameters_share_no_memory_afterwards():
    """Zeroing one must not touch the others."""
    problem = problems.make("mse")
    HessianFree(problem.parameters).step(problem.forward)
    before = bits(problem)
    with torch.no_grad():
        problem.parameters[1].zero_()
    for i in (0, 2, 3):
        assert torch.equal(problem.parameters[i].detach(), before[i])


def test_a_view_of_a_parameter_made_before_follows_it():
    """As fused kernels, weight tying by views, and averaged copies rely on."""
    problem = problems.make("mse")
    view = problem.parameters[0].detach().view(-1)
    HessianFree(problem.parameters).step(problem.forward)
    assert torch.equal(view, problem.parameters[0].detach().reshape(-1))


def strided(model):
    """The same values, every weight stored transposed and every other one."""
    for name, p in list(model.named_parameters()):
        owner = model.get_submodule(name.rsplit(".", 1)[0])
        if p.dim() == 2:
            wide = torch.zeros(p.shape[1], 2 * p.shape[0], dtype=p.dtype)
            stored = wide[:, ::2].T
            stored.copy_(p.detach())
            setattr(owner, name.rsplit(".", 1)[1], nn.Parameter(stored))
    return model


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_parameters_need_not_be_contiguous(curvature_opt):
    plain, odd = problems.make("mse"), problems.make("mse")
    strided(odd.model)
    assert not all(p.is_contiguous() for p in odd.parameters)
    settings = {"curvature_opt": curvature_opt, "damping": 4.0}
    opt_plain, opt_odd = HessianFree(plain.parameters, **settings), HessianFree(odd.parameters, **settings)
    for _ in range(4):
        opt_plain.step(plain.forward)
        opt_odd.step(odd.forward)
    torch.testing.assert_close(odd.vector(), plain.vector(), rtol=0, atol=1e-12)
    assert not all(p.is_contiguous() for p in odd.parameters)


def test_parameters_without_dimensions():
    w = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))
    v = nn.Parameter(torch.tensor([[1.0]], dtype=torch.float64))
    opt = HessianFree([w, v], curvature_opt="hessian", damping=0.0, adapt_damping=False)
    opt.step(lambda: ((w - 1) ** 2 + ((v + 2) ** 2).sum(), None))
    assert w.item() == pytest.approx(1.0, abs=1e-4)
    assert v.item() == pytest.approx(-2.0, abs=1e-4)


class WithBuffers(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.register_buffer("scale", torch.full((3,), 0.7, dtype=torch.float64))
        self.normalize = nn.BatchNorm1d(3).double().eval()

    def forward(self, x):
        return self.normalize(self.scale * self.model(x))


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", ["forward", "model"])
def test_the_models_rest_is_left_alone(way, curvature_opt):
    """No gradient in `.grad`, no flag, mode or buffer changed, no hook left behind, no graph kept by a parameter."""
    problem = problems.make("frozen")
    problem = problems.Problem(
        model=WithBuffers(problem.model),
        loss_function=problem.loss_function,
        inputs=problem.inputs,
        targets=problem.targets,
    )
    kept_gradient = torch.full_like(problem.trainable[0], 7.0)
    problem.trainable[0].grad = kept_gradient
    flags = [p.requires_grad for p in problem.parameters]
    modes = [module.training for module in problem.model.modules()]
    buffers = {name: b.clone() for name, b in problem.model.named_buffers()}
    opt = HessianFree(problem.parameters, curvature_opt=curvature_opt, damping=4.0)
    for _ in range(2):
        advance(opt, problem, way, lambda f: f)
    assert problem.trainable[0].grad is kept_gradient
    assert torch.equal(kept_gradient, torch.full_like(kept_gradient, 7.0))
    assert all(p.grad is None for p in problem.trainable[1:])
    assert flags == [p.requires_grad for p in problem.parameters]
    assert all(p.is_leaf for p in problem.parameters)
    assert modes == [module.training for module in problem.model.modules()]
    for name, b in problem.model.named_buffers():
        assert torch.equal(b, buffers[name]), name
    assert all(not module._forward_hooks and not module._backward_hooks for module in problem.model.modules())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("way", ["forward", "model"])
def test_a_step_inside_no_grad_works(way):
    inside, outside = problems.make("mse"), problems.make("mse")
    with torch.no_grad():
        advance(HessianFree(inside.parameters), inside, way, lambda f: f)
        assert not torch.is_grad_enabled()
    advance(HessianFree(outside.parameters), outside, way, lambda f: f)
    assert torch.equal(inside.vector(), outside.vector())


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("switches", [{}, {"use_cg_backtracking": False}, {"cg_decay_x0": 0.0}], ids=str)
def test_one_bad_batch_does_not_poison_the_rest(switches):
    """A loss that is no number: the step is rejected, the parameters stay, and the next good batch trains on."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, **switches)
    opt.step(problem.forward)
    before = bits(problem)

    def bad():
        outputs = problem.model(problem.inputs * float("nan"))
        return problem.loss_function(outputs, problem.targets), outputs

    opt.step(bad)
    assert opt.last_report.accepted is False
    assert_same_bits(problem, before)
    good = problem.forward()[0].item()
    for _ in range(3):
        final = opt.step(problem.forward)
    assert final < good


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("switches", [{}, {"use_cg_backtracking": False}], ids=str)
def test_a_product_that_overflows_does_not_poison_the_parameters(switches, value):
    """The iterate is no number then, and neither is zero times it."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, **switches)
    before = bits(problem)
    final = opt.step(problem.forward, mvp=lambda v: v * value)
    assert_same_bits(problem, before)
    assert final == problem.forward()[0].item()
    opt.step(problem.forward)
    assert opt.last_report.accepted
    assert opt.last_report.loss_after < final


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_rejected_step_leaves_the_parameters():
    """A gradient that points uphill: the line search finds nothing."""
    problem = problems.make("mse")
    before = bits(problem)
    opt = HessianFree(problem.parameters)
    final = opt.step(problem.forward, grad=-problem.dense_gradient())
    assert_same_bits(problem, before)
    assert final == problem.forward()[0].item()
    report = opt.last_report
    assert (report.accepted, report.step_scale, report.step_norm) == (False, 0.0, 0.0)
    assert opt.state["learning_rates"] == [0.0]
