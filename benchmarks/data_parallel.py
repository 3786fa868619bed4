"""Hessian-free steps on data spread over processes: how they scale here, what travels, and what that means for GPUs.

Each process has one thread. Strong scaling: the same cases for all process counts; weak: as many cases a process. Run
it while nothing else runs; figures of a process count beyond the processors mean nothing.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from machine import processor
from torch.utils._python_dispatch import TorchDispatchMode
from workloads import deep_autoencoder

from hessianfree import HessianFree
from hessianfree.execution import Execution
from hessianfree.stopping import IterationLimit

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What rank 0 saw of some processes' steps; seconds are medians over them.

    An iteration is what a step with many takes more than one with two, divided by how many more those are.
    """

    parameters: int
    seconds_iteration: float  # of CG
    busy_iteration: float  # processor time of rank 0, whatever else the machine does
    seconds_gradient: float
    seconds_alone: float  # of an all-reduce of as many numbers, and nothing else
    exchanges: float  # an iteration
    numbers: float  # an iteration


class Counted(TorchDispatchMode):
    """Counts the collective operations of torch.distributed, and the numbers in them."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges = self.numbers = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function._schema.name.startswith("c10d::"):
            self.exchanges += 1
            self.numbers += args[0][0].numel()
        return function(*args, **(kwargs or {}))


def measure(processes: int, cases: int, *, steps: int, iterations: int) -> Measured:
    """Steps of `processes` that share `cases`."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        arguments = (processes, cases, steps, iterations, folder)
        os.environ["OMP_NUM_THREADS"] = "1"
        multiprocessing.spawn(_rank, arguments, nprocs=processes)
        return torch.load(answer, weights_only=False)


def _rank(rank: int, processes: int, cases: int, steps: int, iterations: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=processes)
    torch.manual_seed(0)
    workload = deep_autoencoder(samples=cases)
    own = (workload.inputs.tensor_split(processes)[rank], workload.targets.tensor_split(processes)[rank])
    optimizer = HessianFree(
        workload.model.parameters(),
        damping=workload.damping["ggn"],
        adapt_damping=False,
        cg_max_iter=iterations,
        use_cg_backtracking=False,
        use_linesearch=False,
        execution=Execution(products="plain"),
        process_group=dist.group.WORLD,
    )
    reports: list[Any] = []
    optimizer.on_step(lambda report, _: reports.append(report))

    def step(limit: int) -> Any:
        solver = replace(optimizer.method.solver, max_iter=limit, stopping=(IterationLimit(),))
        optimizer.method = replace(optimizer.method, solver=solver)
        optimizer.acc_step(workload.model, workload.loss_function, [own])
        return reports[-1]

    def seconds_iteration() -> float:
        short, long = step(2), step(iterations)
        return (long.seconds_cg - short.seconds_cg) / (long.curvature_products - short.curvature_products)

    step(iterations)  # warms up
    seconds = [seconds_iteration() for _ in range(steps)]
    gradients = [report.seconds_gradient for report in reports[1:]]
    optimizer.execution = replace(optimizer.execution, clock=time.process_time)
    busy = [seconds_iteration() for _ in range(steps)]
    travelled = []
    for limit in (2, iterations):
        with Counted() as counted:  # slows down every operation of torch
            step(limit)
        travelled.append((counted.exchanges, counted.numbers))
    more = reports[-1].curvature_products - reports[-2].curvature_products
    vector = torch.zeros(sum(p.numel() for p in workload.model.parameters()))
    alone = []
    for _ in range(20):
        dist.barrier()
        started = time.perf_counter()
        dist.all_reduce(vector)
        alone.append(time.perf_counter() - started)
    if rank == 0:
        measured = Measured(
            parameters=vector.numel(),
            seconds_iteration=statistics.median(seconds),
            busy_iteration=statistics.median(busy),
            seconds_gradient=statistics.median(gradients),
            seconds_alone=statistics.median(alone),
            exchanges=(travelled[1][0] - travelled[0][0]) / more,
            numbers=(travelled[1][1] - travelled[0][1]) / more,
        )
        torch.save(measured, Path(folder) / "answer")
    dist.barrier()
    dist.destroy_process_group()


def median(found: Sequence[Measured]) -> Measured:
    """Of each number by itself."""
    return Measured(
        **{f.name: statistics.median(getattr(one, f.name) for one in found) for f in fields(Measured)}
    )


def scaling(most: int, cases: int, *, steps: int, iterations: int, rounds: int) -> Iterator[str]:
    """Tables of strong and weak scaling, and of what travels: in each round every number of processes has its turn."""
    spread = [(n, size) for n in range(2, most + 1) for size in (cases, n * cases)]
    kinds = [*{(1, size // n): None for n, size in [(1, cases), *spread]}, *spread]
    seen: dict[tuple[int, int], list[Measured]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            seen[kind].append(measure(*kind, steps=steps, iterations=iterations))
    medians = {kind: median(several) for kind, several in seen.items()}
    one = medians[1, cases]
    yield (
        "| scaling | processes | gradient, ms | CG iteration, ms | of the ideal | one process on a rank's share, ms | "
        "processor time of a rank, ms | an all-reduce alone, ms |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    yield (
        f"| | 1 | {1e3 * one.seconds_gradient:.1f} | {1e3 * one.seconds_iteration:.2f} | | | "
        f"{1e3 * one.busy_iteration:.2f} | |"
    )
    for processes, size in spread:
        found, alone, strong = medians[processes, size], medians[1, size // processes], size == cases
        ideal = one.seconds_iteration / (processes if strong else 1)
        yield (
            f"| {'strong' if strong else 'weak'} | {processes} | {1e3 * found.seconds_gradient:.1f} | "
            f"{1e3 * found.seconds_iteration:.2f} | {ideal / found.seconds_iteration:.2f} | "
            f"{1e3 * alone.seconds_iteration:.2f} | {1e3 * found.busy_iteration:.2f} | "
            f"{1e3 * found.seconds_alone:.2f} |"
        )
    yield ""
    yield "| processes | exchanges a CG iteration | least | numbers in one | least (P) | more |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for processes, size in spread:
        found = medians[processes, size]
        if size == cases:
            yield (
                f"| {processes} | {found.exchanges:.2f} | 1 | {found.numbers:.0f} | {found.parameters:.0f} | "
                f"{100 * (found.numbers / found.parameters - 1):.4f} % |"
            )


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """GPUs of one kind, eight in a node; rates as they are reached, in SI units."""

    flops: float = 45e12  # float32 products of matrices
    memory: float = 2.4e12  # bytes a second
    within: float = 350e9  # bus bandwidth of an all-reduce in a node, bytes a second
    across: float = 180e9  # between nodes
    latency_within: float = 25e-6  # of an all-reduce
    latency_across: float = 70e-6

    def exchange(self, gpus: int, size: float) -> float:
        """Seconds of an all-reduce of `size` bytes: 2 (n - 1) / n of them pass every GPU's link."""
        if gpus == 1:
            return 0.0
        bus, latency = (self.within, self.latency_within) if gpus <= 8 else (self.across, self.latency_across)
        return latency + 2 * (gpus - 1) / gpus * size / bus

    def iteration(self, gpus: int, parameters: float, cases: float) -> tuple[float, float, float]:
        """Seconds of product, vectors and exchange of a CG iteration in float32."""
        # A dense layer's gradient takes 6 operations a weight and case, a Gauss-Newton product 4/3 of that. Beside it
        # CG reads or writes a vector 14 times, on every GPU: dots and updates 11, fingerprint 1, the exchange's copy 2.
        return (
            8 * parameters * cases / gpus / self.flops,
            14 * 4 * parameters / self.memory,
            self.exchange(gpus, 4 * parameters),
        )


def on_paper(cluster: Cluster = Cluster()) -> Iterator[str]:
    """A table of the model."""
    yield "| parameters | cases | GPUs | product, ms | vectors, ms | exchange, ms | iteration, ms | times faster |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for parameters, cases in ((3e6, 60_000), (1e8, 16_384), (1e8, 131_072), (1e9, 131_072)):
        alone = sum(cluster.iteration(1, parameters, cases))
        for gpus in (1, 8, 16, 32, 64):
            parts = cluster.iteration(gpus, parameters, cases)
            shown = " | ".join(f"{1e3 * seconds:.2f}" for seconds in (*parts, sum(parts)))
            yield f"| {parameters:.0e} | {cases} | {gpus} | {shown} | {alone / sum(parts):.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="most of them")
    parser.add_argument("--cases", type=int, default=500, help="of one process, or of all")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=20, help="of CG, a step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--paper", action="store_true", help="the model for GPUs alone")
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this page")
    arguments = parser.parse_args()
    if arguments.paper:
        print("\n".join(on_paper()))
        return
    load = os.getloadavg()[0]
    tables = scaling(
        arguments.processes,
        arguments.cases,
        steps=arguments.steps,
        iterations=arguments.iterations,
        rounds=arguments.rounds,
    )
    when = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {processor()}, gloo, 1 thread a process, torch {torch.__version__}, "
        f"float32, {arguments.cases} cases, load {load:.2f} at the start"
    )
    text = "\n".join([when, "", *tables])
    print(text)
    if arguments.write is not None:
        page = arguments.write.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        arguments.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
