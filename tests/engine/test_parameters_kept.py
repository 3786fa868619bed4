"""What a step leaves alone: identity, storage and layout of the parameters, and the rest of the model."""

import pytest
import torch
from torch import nn

from engine import problems
from engine.runs import advance, bits
from hessianfree.optimizer import HessianFree


@pytest.mark.parametrize("switches", [{}, {"use_linesearch": False}, {"use_cg_backtracking": False}], ids=str)
def test_parameters_keep_identity_storage_and_layout(switches):
    problem = problems.make("frozen")
    objects = problem.parameters
    places = [(p.data_ptr(), p.untyped_storage().data_ptr(), p.stride(), p.storage_offset()) for p in objects]
    opt = HessianFree(objects, **switches)
    before = bits(problem)
    for _ in range(3):
        opt.step(problem.forward)
        opt.acc_step(problem.model, problem.loss_function, problem.batches())
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
        advance(opt, problem, way)
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
        advance(HessianFree(inside.parameters), inside, way)
        assert not torch.is_grad_enabled()
    advance(HessianFree(outside.parameters), outside, way)
    assert torch.equal(inside.vector(), outside.vector())
