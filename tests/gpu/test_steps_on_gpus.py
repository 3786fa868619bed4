"""A step on a GPU is the step on the CPU, to rounding, and waits for the GPU no more often than it must."""

import warnings

import pytest
import torch
from torch import nn

from engine.reads import advance, reads_of
from gpu.place import CPU, GPU, problem_on
from hessianfree import HessianFree
from hessianfree.execution import Execution
from hessianfree.method import Method
from hessianfree.preconditioners import GaussNewtonDiagonal, HutchinsonDiagonal, Nystrom
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.utils import memory_bytes, peak_memory_bytes

PROBLEMS = ("mse", "cross-entropy", "convolutional", "bce-weighted", "tied", "coupled")


def trained(problem, steps=3, way="step", **options):
    """Losses and parameters after some steps."""
    opt = HessianFree(problem.parameters, **{"damping": 0.5} | options)
    for _ in range(steps):
        if way == "step":
            opt.step(problem.forward)
        else:
            opt.acc_step(problem.model, problem.loss_function, problem.batches(), reduction="mean")
    vector = torch.cat([p.detach().flatten().cpu() for p in problem.parameters])
    return opt.state["final_losses"], vector


def assert_same(found, expected):
    losses, vector = found
    assert losses == pytest.approx(expected[0], rel=1e-7)
    torch.testing.assert_close(vector, expected[1], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_steps_are_those_of_the_cpu(name, curvature_opt):
    options = {"curvature_opt": curvature_opt, "cg_max_iter": 10, "damping": 5.0}
    assert_same(trained(problem_on(GPU, name), **options), trained(problem_on(CPU, name), **options))


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_recorded_products_are_the_plain_ones(way):
    recorded = Execution(products="recorded")
    on_gpu = trained(problem_on(GPU, "mse"), way=way, execution=recorded)
    assert_same(on_gpu, trained(problem_on(GPU, "mse"), way=way, execution=Execution(products="plain")))
    assert_same(on_gpu, trained(problem_on(CPU, "mse"), way=way, execution=recorded))


def test_a_measurement_chooses_how_products_are_made():
    assert_same(trained(problem_on(GPU)), trained(problem_on(GPU), execution=Execution(products="plain")))


@pytest.mark.parametrize("use_backpack", [True, False])
def test_the_empirical_fisher_is_that_of_the_cpu(use_backpack):
    def inverse_of_ones(device):
        problem = problem_on(device, "cross-entropy")
        opt = HessianFree(problem.parameters)
        data = (problem.model, problem.loss_function, problem.inputs, problem.targets, "mean")
        M = opt.get_preconditioner(*data, use_backpack=use_backpack)
        opt.step(problem.forward, M_func=M)
        return M(torch.ones(problem.dimension, dtype=torch.float64, device=device)).cpu()

    torch.testing.assert_close(inverse_of_ones(GPU), inverse_of_ones(CPU), rtol=1e-9, atol=1e-12)


ESTIMATES = {
    "diagonal": lambda model: GaussNewtonDiagonal(),
    "hutchinson": lambda model: HutchinsonDiagonal(),
    "nystrom": lambda model: Nystrom(rank=4),
    "kfac": lambda model: KFAC(model=model, damped=True),
}


@pytest.mark.parametrize("part", ESTIMATES.values(), ids=ESTIMATES)
def test_estimated_preconditioners_draw_on_the_gpu_and_losses_come_down(part):
    problem = problem_on(GPU, "cross-entropy")
    method = Method(preconditioner=part(problem.model))
    opt = HessianFree.from_method(problem.parameters, method, damping=0.5)
    for _ in range(3):
        opt.step(problem.forward)
    losses = opt.state["final_losses"]
    assert losses[-1] < losses[0]


def test_recurrent_layers_have_second_derivatives():
    torch.manual_seed(0)
    model = nn.LSTM(3, 4, batch_first=True).double().to(GPU)
    inputs = torch.randn(5, 6, 3, dtype=torch.float64, device=GPU)

    def forward():
        outputs = model(inputs)[0]
        return outputs.square().mean(), outputs

    opt = HessianFree(model.parameters(), curvature_opt="hessian", cg_max_iter=5)
    with pytest.warns(UserWarning, match="recurrent layers run without cuDNN"):
        before = opt.step(forward)
    assert opt.step(forward) < before


def waits_of(call):
    """How often the host waits for the GPU, as CUDA sees it."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_a_step_waits_for_the_gpu_at_most_twice_a_cg_iteration(way, curvature_opt):
    def take(iterations):
        advance(problem_on(GPU, "mse-sum"), way, iterations, curvature_opt=curvature_opt, reduction="sum")

    take(2)  # CUDA's libraries make their handles
    for counted in (waits_of, reads_of):
        few, many = counted(lambda: take(2)), counted(lambda: take(6))
        assert many - few <= 2 * 4, counted


def test_memory_is_that_of_the_gpu():
    total = torch.cuda.get_device_properties(GPU).total_memory
    assert memory_bytes(GPU) == total
    torch.cuda.set_per_process_memory_fraction(0.5, GPU)
    try:
        assert memory_bytes(GPU) == pytest.approx(total / 2, rel=1e-6)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, GPU)
    held = torch.ones(2**20, device=GPU)
    assert peak_memory_bytes(GPU) >= held.nbytes
