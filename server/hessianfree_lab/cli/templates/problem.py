"""My problem: a network that learns the product of two numbers. Replace what is between the lines of hyphens."""

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.training.problems import Params, Parts, problem


class Options(Params):
    """What a job may choose. Each option needs a default; bounds and description make its form."""

    cases: int = Field(1_000, ge=10, le=100_000, description="Training cases.")
    hidden_size: int = Field(20, ge=1, le=1_000, description="Hidden units.")
    batch_size: int | None = Field(None, ge=1, le=100_000, description="Cases a step; empty: all of them.")


def error(outputs: Tensor, targets: Tensor) -> Tensor:
    """What `eval_error` records: here the mean absolute error."""
    return (outputs - targets).abs().mean()


@problem(
    title="My problem",
    description="A small network that learns the product of two numbers.",
    metrics={"loss": "squared error, mean over cases", "eval_error": "absolute error of held-out cases"},
)
def my_problem(options: Options, generator: torch.Generator) -> Parts:
    # ------------------------------------------------------------------------------------------------------------------
    # Data: inputs and targets [N, ...] on the CPU. Draw what is random with `generator`, so that a seed is a problem.
    inputs = 2 * torch.rand(options.cases + 200, 2, generator=generator, dtype=torch.float64) - 1
    targets = inputs.prod(1, keepdim=True)

    # A model that treats each case alone (no batch normalization), with smooth activations if you can.
    model = nn.Sequential(nn.Linear(2, options.hidden_size), nn.Tanh(), nn.Linear(options.hidden_size, 1))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    # ------------------------------------------------------------------------------------------------------------------
    return Parts(
        model=model,
        loss_function=nn.MSELoss(),  # a mean over cases, convex in the model's outputs
        training=(inputs[200:], targets[200:]),
        held_out=(inputs[:200], targets[:200]),
        error=error,
        batch_size=options.batch_size,
    )
