"""What structural damping does for a recurrent network: `python benchmarks/structural_damping.py`.

Adding two numbers of a sequence, with recurrent weights whose spectral radius is that of the service's problem (1.1) or
one at which small changes carry hidden states far away (2). Losses and counts repeat; there is no clock in them.
"""

import argparse
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hessianfree import HessianFree, Method
from hessianfree.calibration import RayleighCalibration
from hessianfree.cg import ConjugateGradient
from hessianfree.execution import Execution
from hessianfree.structural_damping import StructuralDamping, logistic_distance
from hessianfree_lab.training.problems.long_lags.addition import draw
from hessianfree_lab.training.problems.long_lags.recurrent import SPECTRAL_RADIUS, RecurrentNetwork


def trained(
    *, weight: float, radius: float, length: int, hidden: int, cases: int, steps: int, cg: int, seed: int
) -> tuple[list[float], float]:
    """The loss after every step, and gradients spent in all; `weight` 0 is no structural damping."""
    generator = torch.Generator().manual_seed(seed)
    model = RecurrentNetwork(2, hidden, 1, generator)
    sequences, targets = (part.float() for part in draw(cases, length, generator))
    with torch.no_grad():
        model.within.weight.mul_(radius / SPECTRAL_RADIUS)
    model.float()

    def forward() -> tuple[Tensor, Any]:
        outputs = model(sequences, with_states=True)
        return nn.functional.mse_loss(outputs[0], targets), outputs

    method = Method(
        solver=ConjugateGradient(max_iter=cg),
        structure=StructuralDamping(of=_fed, weight=weight, distance=_tanh_distance) if weight else None,
        calibration=RayleighCalibration(),
    )
    optimizer = HessianFree.from_method(model.parameters(), method, execution=Execution(products="recorded"))
    losses, spent = [], 0.0
    for _ in range(steps):
        losses.append(optimizer.step(forward))
        spent += optimizer.last_report.gradient_equivalents if optimizer.last_report else 0.0
    return losses, spent


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: radius, weight, seed, losses at a quarter, half and all of the steps, gradients."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--radii", type=float, nargs="+", default=[SPECTRAL_RADIUS, 2.0])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.001, 0.003, 0.03])
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    for name, default in {"length": 30, "hidden": 30, "cases": 200, "steps": 40, "cg": 40}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args(arguments)
    sizes = {name: getattr(chosen, name) for name in ("length", "hidden", "cases", "steps", "cg")}
    print(
        "| radius | weight | seed | loss at 1/4 | at 1/2 | at the end | gradients |\n|---|---|---|---|---|---|---|"
    )
    for radius in chosen.radii:
        for weight in chosen.weights:
            for seed in range(chosen.seeds):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of steps that failed: the losses tell
                    losses, spent = trained(weight=weight, radius=radius, seed=seed, **sizes)
                marks = [losses[chosen.steps // 4 - 1], losses[chosen.steps // 2 - 1], losses[-1]]
                cells = [f"{loss:.1e}" for loss in marks]
                print(
                    "|",
                    " | ".join([f"{radius:g}", f"{weight:g}", str(seed), *cells, f"{spent:.0f}"]),
                    "|",
                    flush=True,
                )


def _fed(outputs: Any) -> Any:
    """What the units were fed, of what the network answers with its states."""
    return outputs[1]


def _tanh_distance(now: Tensor, start: Tensor) -> Tensor:
    """Units of tanh are logistic ones at twice their inputs."""
    return logistic_distance(2 * now, 2 * start)


if __name__ == "__main__":
    main()
