"""The functions of two parameters: values, gradients, minima, landscapes."""

import pytest
import torch

from hessianfree_lab.training.problems import PROBLEMS, Task

CPU = torch.device("cpu")


def task_at(name: str, x: float, y: float) -> Task:
    problem = PROBLEMS[name]
    return problem.build(problem.params(x=x, y=y), 0, CPU, torch.float64)


def gradient(task: Task) -> list[float]:
    loss, _ = task.forward()
    (grad,) = torch.autograd.grad(loss, task.parameters)
    return grad.tolist()


def rosenbrock_gradient(x, y):
    return [-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)]


def beale_gradient(x, y):
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    return [
        2 * (a * (y - 1) + b * (y**2 - 1) + c * (y**3 - 1)),
        2 * x * (a + 2 * y * b + 3 * y**2 * c),
    ]


def himmelblau_gradient(x, y):
    a, b = x**2 + y - 11, x + y**2 - 7
    return [4 * x * a + 2 * b, 2 * a + 4 * y * b]


def double_well_gradient(x, y):
    return [4 * x * (x**2 - 1), 2 * y]


@pytest.mark.parametrize("point", [(-1.2, 1.0), (0.3, -0.7), (2.5, 1.9)])
@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("rosenbrock", rosenbrock_gradient),
        ("beale", beale_gradient),
        ("himmelblau", himmelblau_gradient),
        ("double-well", double_well_gradient),
    ],
)
def test_gradients_are_those_of_the_textbook(name, formula, point):
    assert gradient(task_at(name, *point)) == pytest.approx(formula(*point), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "point", "value"),
    [
        ("rosenbrock", (-1.2, 1.0), 24.2),
        ("beale", (1.0, 1.0), 14.203125),
        ("himmelblau", (0.0, 0.0), 170.0),
        ("double-well", (0.01, 1.0), 0.9999**2 + 1),
    ],
)
def test_values_at_the_usual_starts(name, point, value):
    loss, residuals = task_at(name, *point).forward()
    assert loss.item() == pytest.approx(value)
    assert residuals.square().sum().item() == pytest.approx(value)
    default = PROBLEMS[name].params()
    assert (default.x, default.y) == point


@pytest.mark.parametrize(
    ("name", "minima"),
    [
        ("rosenbrock", [(1.0, 1.0)]),
        ("double-well", [(1.0, 0.0), (-1.0, 0.0)]),
        ("beale", [(3.0, 0.5)]),
        ("himmelblau", [(3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)]),
    ],
)
def test_announced_minima_are_minima(name, minima):
    landscape = task_at(name, 0.0, 0.0).landscape()
    assert [tuple(m) for m in landscape.minima] == minima
    for x, y in minima:
        task = task_at(name, x, y)
        assert task.forward()[0].item() == pytest.approx(0, abs=1e-9)
        assert gradient(task) == pytest.approx([0, 0], abs=1e-3)


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "himmelblau"])
def test_landscape_holds_the_functions_values(name):
    landscape = task_at(name, 0.0, 0.0).landscape()
    row, column = 17, 90
    there = task_at(name, landscape.x[column], landscape.y[row]).forward()[0].item()
    assert landscape.z[row][column] == pytest.approx(there, rel=1e-4)
    assert (len(landscape.z), len(landscape.z[0])) == (len(landscape.y), len(landscape.x))


def test_landscape_reaches_to_a_start_outside_it():
    near = task_at("rosenbrock", 0.0, 0.0).landscape()
    far = task_at("rosenbrock", -7.0, 40.0).landscape()
    assert (near.x[0], near.x[-1], near.y[0], near.y[-1]) == (-2, 2, -1, 3)
    assert far.x[0] < -7
    assert far.y[-1] > 40
    assert (far.x[-1], far.y[0]) == (2, -1)


def test_landscape_fits_into_a_batch():
    landscape = task_at("himmelblau", 0.0, 0.0).landscape()
    assert len(landscape.model_dump_json()) < 256 * 1024


def test_position_is_where_the_parameters_are():
    assert task_at("beale", 0.25, -1.5).position() == {"x": 0.25, "y": -1.5}


def quadratic(seed=0, **params):
    problem = PROBLEMS["quadratic"]
    return problem.build(problem.params(**params), seed, CPU, torch.float64)


def hessian(task):
    (parameter,) = task.parameters
    loss, _ = task.forward()
    (grad,) = torch.autograd.grad(loss, parameter, create_graph=True)
    rows = [torch.autograd.grad(g, parameter, retain_graph=True)[0] for g in grad]
    return torch.stack(rows)


def test_quadratic_has_the_condition_number_asked_for():
    eigenvalues = torch.linalg.eigvalsh(hessian(quadratic(dimension=20, condition_number=1e4)))
    assert eigenvalues[-1].item() == pytest.approx(1)
    assert (eigenvalues[-1] / eigenvalues[0]).item() == pytest.approx(1e4, rel=1e-6)
    ratios = eigenvalues[1:] / eigenvalues[:-1]
    assert ratios == pytest.approx([ratios[0].item()] * 19, rel=1e-6)


def test_quadratic_is_the_same_for_the_same_seed_alone():
    first, again, other = quadratic(seed=1), quadratic(seed=1), quadratic(seed=2)
    assert torch.equal(hessian(first), hessian(again))
    assert torch.equal(first.parameters[0], again.parameters[0])
    assert not torch.allclose(hessian(first), hessian(other))


def test_quadratic_shows_a_path_in_the_plane_alone():
    plane, space = quadratic(dimension=2), quadratic(dimension=3)
    landscape = plane.landscape()
    x, y = plane.parameters[0].tolist()
    assert plane.position() == {"x": x, "y": y}
    assert landscape.x[0] <= x <= landscape.x[-1]
    assert space.position() == {}
    assert space.landscape() is None
    with torch.no_grad():
        plane.parameters[0].copy_(torch.tensor([landscape.x[5], landscape.y[100]]))
    assert landscape.z[100][5] == pytest.approx(plane.forward()[0].item(), rel=1e-4)
