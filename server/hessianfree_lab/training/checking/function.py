"""Looks at the function that is to be minimized: in float64, on the CPU, at the parameters that it starts from.

Each takes a task that nobody else uses, answers a remark or nothing, and raises `Wrong`.
"""

import time
from dataclasses import replace

import torch
from torch import nn

from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters
from hessianfree_lab.training.checking.differences import (
    DIFFERENCE,
    loss_curvature,
    moved,
    output_slope,
    random_direction,
    unit,
)
from hessianfree_lab.training.checking.finding import Wrong
from hessianfree_lab.training.problems.interface import Batch, Task

SLICE = 4  # cases of which a dense matrix is made
COORDINATES = 6  # parameters, of the dense matrix's block
STEPS = 3
ROUGHLY = 1e-4  # relative: what central differences of smooth functions agree to
EXACTLY = 1e-9  # relative: what rounding may do to a mean
DAMPING = 1.0
ONE_CASE = "there is one case alone"
NO_OUTPUTS = "it has no outputs but the parameters"


def shapes(task: Task) -> str:
    """Whether the loss is a number and every case has a row of outputs."""
    loss, outputs = task.forward()
    if loss.shape != ():
        raise Wrong(f"The loss has shape {list(loss.shape)}; it must be a single number.")
    if not loss.isfinite():
        raise Wrong(f"The loss is {loss.item()} at the start.")
    if task.batch is None:
        return f"loss {loss.item():.6g}"
    cases = len(task.batch.inputs)
    if len(task.batch.targets) != cases:
        raise Wrong(f"There are {cases} inputs and {len(task.batch.targets)} targets.")
    if len(outputs) != cases:
        raise Wrong(
            f"{cases} cases have outputs of shape {list(outputs.shape)}; a row for each case is needed."
        )
    return f"loss {loss.item():.6g}, outputs {list(outputs.shape)}"


def determinism(task: Task) -> str:
    """Whether it is one function: the same at one point twice."""
    (first, outputs), (second, others) = task.forward(), task.forward()
    if not (torch.equal(first, second) and torch.equal(outputs, others)):
        raise Wrong(
            f"The loss was {first.item():.9g}, then {second.item():.9g}: dropout, batch normalization's running means "
            "or data drawn within the model? A step compares losses and products of one fixed function."
        )
    return ""


def independence(task: Task) -> str:
    """Whether the outputs of a case are the same whichever cases are beside it."""
    batch = task.batch
    if batch is None or len(batch.inputs) < 2:
        return ONE_CASE
    with torch.no_grad():
        together = batch.model(batch.inputs)
        apart = torch.cat([part.model(part.inputs) for part in _halves(batch)])
    difference = float((together - apart).abs().max())
    if not difference <= EXACTLY * (1 + float(together.abs().max())):
        raise Wrong(
            f"Outputs of a case change by up to {difference:.3g} with the cases beside it: does a layer mix cases, as "
            "batch normalization does? Curvature is computed on parts of a batch."
        )
    return ""


def reduction(task: Task) -> str:
    """Whether the loss of all cases is the mean of that of parts of them."""
    batch = task.batch
    if batch is None or len(batch.inputs) < 2:
        return ONE_CASE
    with torch.no_grad():
        outputs = batch.model(batch.inputs)
        whole = batch.loss_function(outputs, batch.targets).item()
        expected, begin = 0.0, 0
        for part in _halves(batch):
            end = begin + len(part.inputs)
            mean = batch.loss_function(outputs[begin:end], part.targets).item()
            expected, begin = expected + len(part.inputs) * mean / len(outputs), end
    if abs(whole - expected) <= EXACTLY * (1 + abs(whole)):
        return ""
    if _weighs(batch.loss_function):
        return "cases weigh differently, so that a batch is a mean by its own weights"
    raise Wrong(
        f"All cases together have a loss of {whole:.9g}, their halves one of {expected:.9g} on average: is it a sum in "
        "place of a mean, or divided by something else than the number of cases?"
    )


def gradient(task: Task) -> str:
    """Whether autograd's slope along a random direction is that of the loss."""
    loss, _outputs = task.forward()
    slopes = torch.autograd.grad(loss, list(task.parameters), allow_unused=True)
    unused = sum(part is None for part in slopes)
    direction = random_direction(task)
    slope = sum(float((g * d).sum()) for g, d in zip(slopes, direction, strict=True) if g is not None)
    found = (moved(task, direction, DIFFERENCE) - moved(task, direction, -DIFFERENCE)) / (2 * DIFFERENCE)
    if abs(slope - found) > ROUGHLY * (1e-3 + abs(found)):
        raise Wrong(f"Along a random direction the gradient says {slope:.6g}, and differences {found:.6g}.")
    return f"{unused} parameter tensors are not used" if unused else ""


def convexity(task: Task) -> str:
    """Whether the loss curves upwards in the outputs, in some random directions."""
    if task.batch is None:
        return NO_OUTPUTS
    part = _part(task.batch, 0, SLICE)
    outputs = part.model(part.inputs).detach()
    source = torch.Generator().manual_seed(0)
    for _n in range(5):
        move = torch.randn(outputs.shape, generator=source, dtype=outputs.dtype)
        curvature = float((move * loss_curvature(part, outputs, move)).sum())
        if curvature < -ROUGHLY * float(move.square().sum()):
            raise Wrong(
                f"It curves downwards ({curvature:.3g}) in the outputs: the Gauss-Newton matrix is not positive there. "
                "Let the model answer what the loss is convex in, logits for instance, or use curvature_opt: hessian."
            )
    return ""


def products(task: Task) -> str:
    """Whether Gauss-Newton products are those of a dense matrix, made of differences."""
    if task.batch is None:
        return NO_OUTPUTS
    part = _part(task.batch, 0, SLICE)
    parameters = Parameters([list(task.parameters)])
    outputs = part.model(part.inputs)
    product = GaussNewton(part.loss_function(outputs, part.targets), outputs, parameters)
    source = torch.Generator().manual_seed(0)
    chosen = torch.randperm(parameters.dimension, generator=source)[:COORDINATES]
    found = torch.stack([product(unit(parameters, place))[chosen] for place in chosen.tolist()])
    columns = [output_slope(part, task, parameters, place) for place in chosen.tolist()]
    curved = [loss_curvature(part, outputs.detach(), column) for column in columns]
    dense = torch.tensor([[float((a * b).sum()) for b in curved] for a in columns], dtype=torch.float64)
    apart = float((found - dense).abs().max())
    if apart > ROUGHLY * (1e-3 + float(dense.abs().max())):
        raise Wrong(
            f"Entries of the matrix differ by up to {apart:.3g}, of {float(dense.abs().max()):.3g}: does the model "
            "detach something, or answer outputs that the loss does not depend on alone?"
        )
    return f"{len(chosen)} x {len(chosen)} entries on {len(part.inputs)} cases"


def steps(task: Task) -> str:
    """Whether a few Hessian-free steps lower the loss."""
    optimizer = HessianFree(list(task.parameters), damping=DAMPING, cg_max_iter=20, verbose=False)
    before = task.forward()[0].item()
    began = time.perf_counter()
    for _n in range(STEPS):
        optimizer.step(task.forward)
    took = (time.perf_counter() - began) / STEPS
    after = task.forward()[0].item()
    if not after < before:
        raise Wrong(f"After {STEPS} steps on one batch the loss is {after:.6g}; it was {before:.6g}.")
    return f"from {before:.6g} to {after:.6g} in {STEPS}, {took:.2f} s each"


def _weighs(loss_function: nn.Module) -> bool:
    """Whether it is torch's own mean over classes that have weights, or of which one is ignored."""
    parts = [part for part in loss_function.modules() if isinstance(part, nn.CrossEntropyLoss | nn.NLLLoss)]
    return any(
        part.reduction == "mean" and (part.weight is not None or part.ignore_index >= 0) for part in parts
    )


def _halves(batch: Batch) -> list[Batch]:
    middle = len(batch.inputs) // 2
    return [_part(batch, 0, middle), _part(batch, middle, len(batch.inputs))]


def _part(batch: Batch, begin: int, end: int) -> Batch:
    """Some of its cases."""
    return replace(batch, inputs=batch.inputs[begin:end], targets=batch.targets[begin:end])
