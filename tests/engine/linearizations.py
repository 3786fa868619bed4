"""What a step hands to a preconditioner, with a dense curvature to compare with."""

import torch

from hessianfree.parameters import Parameters
from hessianfree.records import ForwardPass, Linearization


def at(B):
    """Where the curvature is the matrix `B` and the gradient all ones; there is no model to pass through."""
    return Linearization(
        loss=0.0,
        gradient=torch.ones(len(B), dtype=B.dtype),
        curvature=lambda v: B @ v,
        cost=1.0,
        product_cost=4 / 3,
    )


def linearization(model, loss_function, batches):
    """What a step would hand to the preconditioner; its curvature is dense, its loss a mean over equal batches."""
    parameters = Parameters([list(model.parameters())])

    def run(inputs, targets):
        outputs = model(inputs)
        return loss_function(outputs, targets), outputs

    B = sum(gauss_newton(model, loss_function, *batch) for batch in batches) / len(batches)
    here = Linearization(
        loss=0.0,
        gradient=parameters.zeros(),
        curvature=lambda v: B @ v,
        cost=1.0,
        product_cost=4 / 3,
        passes=tuple(
            ForwardPass(parameters=parameters, weight=1 / len(batches), run=lambda batch=batch: run(*batch))
            for batch in batches
        ),
    )
    return here, B


def gauss_newton(model, loss_function, inputs, targets):
    """J' H_L J, dense."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    values = [dict(model.named_parameters())[name].detach() for name in names]

    def outputs_of(*values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (inputs,)).flatten()

    outputs = model(inputs).detach()
    J = torch.func.jacrev(outputs_of, argnums=tuple(range(len(values))))(*values)
    J = torch.cat([part.flatten(1) for part in J], dim=1)
    H = hessian_of(lambda z: loss_function(z.view_as(outputs), targets), outputs.flatten())
    return J.T @ H @ J


def hessian_of(function, at):
    return torch.func.jacrev(torch.func.jacrev(function))(at)


def dense(M, dimension):
    return torch.stack([M(e) for e in torch.eye(dimension)], dim=1)
