"""What a curvature product costs, in units of one gradient, here and in BackPACK.

    python benchmarks/products.py [--rounds 15] [--device cpu]

All variants of a workload take turns within each round, so that a machine that slows down slows them alike; printed are
the median over the rounds of the ratio to the gradient of the same round, and its quartiles.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import torch
from backpack.hessianfree.ggnvp import ggn_vector_product_from_plist
from backpack.hessianfree.hvp import hessian_vector_product
from torch import Tensor
from workloads import WORKLOADS, Workload

from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.parameters import Parameters


def variants(workload: Workload) -> dict[str, Callable[[], object]]:
    """The gradient, and each way to a product, as functions to time; what is made once a step is made here."""
    parameters = Parameters([list(workload.model.parameters())])
    vector = torch.randn(parameters.dimension, device=parameters.device)
    parts = parameters.split(vector)
    ours_ggn = GaussNewton(*workload.forward(), parameters)
    ours_hessian = Hessian(*workload.forward(), parameters)
    loss, outputs = workload.forward()

    def gradient() -> tuple[Tensor, ...]:
        return torch.autograd.grad(workload.forward()[0], parameters.tensors)

    return {
        "gradient": gradient,
        "GGN, here": lambda: ours_ggn(vector),
        "GGN, BackPACK": lambda: ggn_vector_product_from_plist(loss, outputs, parameters.tensors, parts),
        "Hessian, here": lambda: ours_hessian(vector),
        "Hessian, BackPACK": lambda: hessian_vector_product(loss, parameters.tensors, parts),
    }


def seconds(function: Callable[[], object], device: str) -> float:
    started = time.perf_counter()
    function()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()

    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, {options.device}, float32"
    )
    print(f"{'workload':18s} {'product':20s} {'in gradients':>12s}   quartiles")
    for make in WORKLOADS:
        workload = make(options.device)
        functions = variants(workload)
        for function in functions.values():  # warm up: allocator, thread pool
            seconds(function, options.device)
        times = [
            {name: seconds(f, options.device) for name, f in functions.items()} for _ in range(options.rounds)
        ]
        for name in functions:
            ratios = [round_[name] / round_["gradient"] for round_ in times]
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"{workload.title:18s} {name:20s} {middle:12.2f}   {low:.2f} .. {high:.2f}", flush=True)


if __name__ == "__main__":
    main()
