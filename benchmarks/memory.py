"""The most memory that one step holds above what was held before it, in a process of its own."""

import multiprocessing
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch
from contenders import WAYS, Contender, Earlier, Here, Start
from torch.profiler import ProfilerActivity, profile
from workloads import WORKLOADS


def peak_of_step(
    workload: int, curvature_opt: str, way: str | None, iterations: int, samples: int | None, device: str
) -> tuple[int, list[float]]:
    """Bytes, and the step's CG model values; `way` is one of the engine's, or None for the predecessor."""
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit the allocator's caches
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_measure, workload, curvature_opt, way, iterations, samples, device).result()


def _measure(
    workload: int, curvature_opt: str, way: str | None, iterations: int, samples: int | None, device: str
) -> tuple[int, list[float]]:
    warnings.simplefilter("ignore")  # of negative curvature, which both meet
    problem = WORKLOADS[workload](device, **({} if samples is None else {"samples": samples}))
    start = Start.after_one_step(problem, curvature_opt, iterations)
    contender: Contender = (
        Earlier(problem, curvature_opt, iterations)
        if way is None
        else Here(problem, curvature_opt, iterations, WAYS[way])
    )
    contender.rewind(start)
    contender.step()  # what is made once, in the first step, is no part of a step's peak
    contender.rewind(start)
    peak = _peak_on_cuda if device.startswith("cuda") else _peak_on_cpu
    return peak(contender.step), list(contender.model_values())


def _peak_on_cuda(step: Callable[[], object]) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return torch.cuda.max_memory_allocated() - before


def _peak_on_cpu(step: Callable[[], object]) -> int:
    """From every allocation and release of torch's, in order.

    The resident set would not do: what the C library keeps of earlier peaks hides later ones, and it counts code that a
    first call loads. Scratch memory that a kernel library takes past torch's allocator is not seen.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    kineto = profiled.profiler.kineto_results
    changes = [(event.start_ns(), event.nbytes()) for event in kineto.events() if event.name() == "[memory]"]
    held = most = 0
    for _, change in sorted(changes, key=lambda timed: timed[0]):
        held += change
        most = max(most, held)
    return most
