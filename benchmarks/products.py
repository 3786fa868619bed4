"""What a curvature product costs, in units of one gradient, here and in BackPACK."""

from collections.abc import Iterator
from functools import partial

import torch
from backpack.hessianfree.ggnvp import ggn_vector_product_from_plist
from backpack.hessianfree.hvp import hessian_vector_product
from contenders import WAYS
from table import Row
from timing import Turn, ratios, take_turns
from torch import Tensor
from workloads import Workload

from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.parameters import Parameters

SAME_PRODUCT = 1e-5  # in float32, relative to the product's norm


def product_rows(workload: Workload, rounds: int, device: str) -> Iterator[Row]:
    """A row for each way to a product; what is made once a step is made outside the clock."""
    parameters = Parameters([list(workload.model.parameters())])
    loss, outputs = workload.forward()
    vector = torch.randn(parameters.dimension, device=parameters.device)

    def gradient() -> tuple[Tensor, ...]:
        return torch.autograd.grad(workload.forward()[0], parameters.tensors)

    def backpack_ggn() -> Tensor:
        parts = parameters.split(vector)
        return parameters.flatten(ggn_vector_product_from_plist(loss, outputs, parameters.tensors, parts))

    def backpack_hessian() -> Tensor:
        parts = parameters.split(vector)
        return parameters.flatten(hessian_vector_product(loss, parameters.tensors, parts))

    here = {
        f"{kind} {way}": partial(execution.curvature(plain)(*workload.forward(), parameters), vector)
        for kind, plain in (("GGN", GaussNewton), ("Hessian", Hessian))
        for way, execution in WAYS.items()
    }
    there = {"GGN BackPACK": backpack_ggn, "Hessian BackPACK": backpack_hessian}

    def fresh() -> Tensor:
        return vector.normal_()

    for run in here.values():
        run()  # a recording is made at the second product; take_turns makes it
    turns = {name: Turn(run=run, prepare=fresh) for name, run in {**here, **there}.items()}
    times = take_turns({"gradient": Turn(run=gradient), **turns}, rounds, device)
    fresh()
    right = {name: run() for name, run in there.items()}
    for name in sorted(turns):
        kind = name.split()[0]
        yield Row(
            measured=f"product/gradient, {name}",
            workload=workload.title,
            spread=ratios(times[name], times["gradient"]),
            target="<= 1.25" if name in here and kind == "GGN" else "",
            apart=relative_distance(here[name](), right[f"{kind} BackPACK"]) if name in here else None,
            bound=SAME_PRODUCT,
        )


def relative_distance(a: Tensor, b: Tensor) -> float:
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))
