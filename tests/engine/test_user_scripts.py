"""Training loops as users have written them, run as they stand."""

import pytest
import torch

from hessianfree.cg import cg
from hessianfree.cg_backtracking import cg_backtracking, cg_efficient_backtracking
from hessianfree.linesearch import simple_linesearch
from hessianfree.optimizer import HessianFree
from hessianfree.preconditioners import (
    diag_EF_autograd,
    diag_EF_backpack,
    diag_EF_preconditioner,
    diag_to_preconditioner,
)
from hessianfree.utils import vector_to_parameter_list, vector_to_trainparams


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def test_minimal_loop_on_fresh_data(capsys):
    """Defaults, float32, `verbose`, new random data at every step."""
    device = torch.device("cpu")
    model = torch.nn.Sequential(
        torch.nn.Linear(10, 10, bias=False), torch.nn.ReLU(), torch.nn.Linear(10, 10)
    ).to(device)
    loss_function = torch.nn.MSELoss()
    opt = HessianFree(model.parameters(), verbose=True)
    losses = []
    for _ in range(5):
        inputs, targets = torch.rand(16, 10).to(device), torch.rand(16, 10).to(device)

        def forward(inputs=inputs, targets=targets):
            outputs = model(inputs)
            return loss_function(outputs, targets), outputs

        before = forward()[0].item()
        losses.append(opt.step(forward=forward))
        assert losses[-1] < before
    assert capsys.readouterr().out.strip(), "verbose prints what the step does"


def test_silent_unless_asked(capsys):
    x = torch.nn.Parameter(torch.ones(3))
    HessianFree([x], curvature_opt="hessian").step(lambda: ((x**2).sum(), None))
    assert capsys.readouterr() == ("", "")


def test_classifier_with_positional_arguments_and_a_preconditioner():
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Sigmoid(), torch.nn.Linear(8, 4))
    loss_function = torch.nn.CrossEntropyLoss()
    inputs = torch.randn(32, 6)
    targets = inputs[:, :4].argmax(1)
    opt = HessianFree(model.parameters(), "ggn", 0.5, True, 50, 0.95, True, 1.0, True, False)

    def forward():
        outputs = model(inputs)
        return loss_function(outputs, targets), outputs

    first = forward()[0].item()
    for _ in range(8):
        M_func = opt.get_preconditioner(model, loss_function, inputs, targets, "mean")
        final = opt.step(forward, M_func=M_func)
    assert final < 0.5 * first
    assert len(opt.state["final_losses"]) == 8


def test_gradient_and_product_of_ones_own():
    """`forward` then only has to give the loss, and is never asked for a graph."""
    A = torch.diag(torch.tensor([1.0, 4.0, 9.0]))
    x = torch.nn.Parameter(torch.tensor([3.0, -2.0, 1.0]))

    def forward():
        assert not torch.is_grad_enabled()
        return 0.5 * x @ A @ x, None

    opt = HessianFree([x], damping=0.0, adapt_damping=False)
    final = opt.step(forward, (A @ x).detach(), lambda v: A @ v)
    assert final == pytest.approx(0.0, abs=1e-8)
    torch.testing.assert_close(x.detach(), torch.zeros(3), atol=1e-4, rtol=0)


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
def test_rosenbrock_with_the_hessian():
    x = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))

    def forward():
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, None

    opt = HessianFree([x], curvature_opt="hessian", damping=0.1, cg_max_iter=10)
    for _ in range(25):
        opt.step(forward)
    torch.testing.assert_close(x.detach(), torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0)


def test_accumulated_training():
    model = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    loss_function = torch.nn.MSELoss(reduction="mean")
    teacher = torch.randn(5, 2)
    inputs = [torch.randn(30, 5) for _ in range(3)]
    data = [(x, x @ teacher) for x in inputs]
    opt = HessianFree(model.parameters())
    opt.test_reduction(model, loss_function, data, "mean")
    first = opt.acc_step(model, loss_function, data)
    for _ in range(4):
        last = opt.acc_step(
            model, loss_function, loss_datalist=data, grad_datalist=data, mvp_datalist=data[:1]
        )
    assert last < first


def test_the_parts_by_hand():
    """A home-made Hessian-free step out of the package's functions."""
    model = torch.nn.Linear(3, 2)
    loss_function = torch.nn.MSELoss()
    inputs, targets = torch.randn(9, 3), torch.randn(9, 2)
    diagonal = diag_EF_backpack(model, loss_function, inputs, targets, "mean")
    torch.testing.assert_close(diagonal, diag_EF_autograd(model, loss_function, inputs, targets, "mean"))
    M = diag_EF_preconditioner(model, loss_function, inputs, targets, "mean", 0.1)
    torch.testing.assert_close(M(torch.ones(8)), diag_to_preconditioner(diagonal, 0.1)(torch.ones(8)))

    origin = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    loss = loss_function(model(inputs), targets)
    grads = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    g = torch.nn.utils.parameters_to_vector(grads)

    def product(v):
        gradient_of_slope = torch.autograd.grad(g @ v, list(model.parameters()), retain_graph=True)
        return torch.nn.utils.parameters_to_vector(gradient_of_slope) + 0.1 * v

    g_0 = g.detach()

    def f(step):
        vector_to_trainparams(origin + step, model.parameters())
        value = loss_function(model(inputs), targets).item()
        vector_to_trainparams(origin, model.parameters())
        return value

    x_iters, m_iters, reason = cg(product, -g_0, store_x_at_iters=None, M=M, martens_conv_crit=True)
    assert len(x_iters) == len(m_iters)
    assert isinstance(reason, str)
    _, best = cg_backtracking(f, x_iters)
    index, value = cg_efficient_backtracking(f, x_iters)
    assert best <= value < loss.item()
    alpha, final = simple_linesearch(f, g_0, x_iters[index])
    assert alpha > 0
    assert final < loss.item()
    pieces = vector_to_parameter_list(alpha * x_iters[index], list(model.parameters()))
    assert [piece.shape for piece in pieces] == [p.shape for p in model.parameters()]
