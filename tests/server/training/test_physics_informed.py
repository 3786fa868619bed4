"""Physics-informed networks: derivatives, reference solutions, Gauss-Newton products, a few digits."""

import math

import pytest
import torch

from engine.reference import ggn
from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.parameters import Parameters
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.equations.burgers import solution
from hessianfree_lab.training.problems.equations.physics_informed import JetNetwork, PhysicsInformedParams
from server.training.sessions import records_of, session

CPU = torch.device("cpu")
TINY = {"points": 12, "hidden_size": 4, "hidden_layers": 2}
NAMES = ("poisson-pinn", "burgers-pinn")


def build(name, **params):
    problem = PROBLEMS[name]
    return problem.build(problem.params(**TINY | params), 0, CPU, torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("coordinates", [1, 2])
def test_derivatives_are_those_of_autograd(coordinates):
    network = JetNetwork(coordinates, PhysicsInformedParams(hidden_size=5), generator())
    points = torch.rand(6, coordinates, dtype=torch.float64, generator=generator()).requires_grad_()
    values = network(points)
    (slopes,) = torch.autograd.grad(values.sum(), points, create_graph=True)
    (bends,) = torch.autograd.grad(slopes[:, -1].sum(), points)
    jet = network.jet(points)
    torch.testing.assert_close(jet.value, values)
    torch.testing.assert_close(jet.slope, slopes)
    torch.testing.assert_close(jet.bend, bends[:, -1])


def test_the_front_of_burgers_is_as_steep_as_published():
    """[Basdevant et al. 1986]: at the origin the slope is -152.00516 at time 1.6037 / pi, the steepest."""
    small = 1e-7
    points = torch.tensor([[1.6037 / math.pi, small], [1.6037 / math.pi, -small]], dtype=torch.float64)
    left, right = solution(points, 0.01 / math.pi).tolist()
    assert (left - right) / (2 * small) == pytest.approx(-152.00516, abs=1e-5)


@pytest.mark.parametrize("viscosity", [1e-3, 0.05, 1.0])
def test_the_reference_satisfies_equation_start_and_ends(viscosity):
    apart = 1e-3
    t, x = 0.3, torch.tensor([-0.9, -0.5, 0.4, 0.7], dtype=torch.float64)

    def u(dt, dx):
        return solution(torch.stack([torch.full_like(x, t + dt * apart), x + dx * apart], 1), viscosity)

    slope_t, slope_x = (u(1, 0) - u(-1, 0)) / (2 * apart), (u(0, 1) - u(0, -1)) / (2 * apart)
    bend = (u(0, 1) - 2 * u(0, 0) + u(0, -1)) / apart**2
    terms = torch.stack([slope_t, u(0, 0) * slope_x, -viscosity * bend])
    assert terms.sum(0).abs().max() < 1e-4 * terms.abs().max()
    start = solution(torch.stack([torch.zeros_like(x), x], 1), viscosity)
    torch.testing.assert_close(start, -torch.sin(math.pi * x))
    ends = solution(torch.tensor([[0.5, -1.0], [0.5, 1.0]], dtype=torch.float64), viscosity)
    assert ends.abs().max() < 1e-12


def test_a_network_that_is_zero_has_all_of_the_error():
    task = build("poisson-pinn", frequency=3, points=40)
    with torch.no_grad():
        for parameter in task.parameters[-2:]:
            parameter.zero_()
    # Half the mean of the squared sine; the boundary values are right.
    assert task.forward()[0].item() == pytest.approx(0.25)
    assert task.evaluate() == {"eval_error": 1.0}


def test_the_solution_has_no_residual():
    """Whatever the network: the equation itself, with the solution's own derivatives."""
    from hessianfree_lab.training.problems.equations import poisson
    from hessianfree_lab.training.problems.equations.physics_informed import Jet

    equation = poisson.equation(poisson.PoissonParams(frequency=3))
    k, x = 3 * math.pi, equation.points
    jet = Jet(value=torch.sin(k * x[:, 0]), slope=k * torch.cos(k * x), bend=-(k**2) * torch.sin(k * x[:, 0]))
    assert equation.residual(x, jet).abs().max() < 1e-12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [GaussNewton, RecordedProducts(GaussNewton, measured=False)])
def test_products_plain_and_recorded_are_those_of_the_dense_matrix(name, kind):
    task = build(name)
    parameters = Parameters([list(task.parameters)])
    loss, residuals = task.forward()
    assert loss.item() == pytest.approx(0.5 * residuals.square().sum().item())
    matrix = ggn(loss, residuals, task.parameters)
    curvature = kind(*task.forward(), parameters)
    for seed in range(4):
        vector = torch.randn(len(matrix), dtype=torch.float64, generator=generator(seed))
        torch.testing.assert_close(curvature(vector), matrix @ vector, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")
@pytest.mark.parametrize(("name", "steps", "error"), [("poisson-pinn", 30, 0.05), ("burgers-pinn", 8, 0.6)])
def test_hessian_free_finds_the_solution(name, steps, error):
    params = {"points": 60, "hidden_size": 12}
    found = session(name, steps=steps, problem_params=params, dtype="float64")
    assert found.task.evaluate()["eval_error"] > 0.8
    assert records_of(found)[-1].metrics["eval_error"] < error
