"""The same steps by one process and by ranks that share its data, and what each of them saw."""

import dataclasses
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

from engine import problems
from hessianfree import HessianFree, Method
from hessianfree.calibration import RayleighCalibration
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import Hessian
from hessianfree.execution import Execution
from hessianfree.loss_slice import LossSlice
from hessianfree.preconditioners import HutchinsonDiagonal, Nystrom
from hessianfree.saddle_free import SaddleFree
from hessianfree.structural_damping import StructuralDamping
from hessianfree.trust_region import SteihaugToint

SETTINGS = {
    "plain": lambda: {"execution": Execution(products="plain")},
    # Long solves make much of little rounding: step and acc_step of one process differ then by 1e-6.
    "short": lambda: {"damping": 30.0, "cg_max_iter": 5},
    "hessian": lambda: {"curvature_opt": "hessian"},
    "recorded": lambda: {"execution": Execution(products="recorded")},
    "recomputed": lambda: {"execution": Execution(graph_memory_bytes=0)},
    "decay": lambda: {"weight_decay": 0.1, "reject_worse": True, "use_cg_backtracking": False},
    "maximized": lambda: {"maximize": True, "weight_decay": 1.0, "damping": 30.0, "cg_max_iter": 5},
    "sliced": lambda: {"execution": Execution(loss_slice=LossSlice(scales=(-0.5, 0.5, 2.0)))},
    "hutchinson": lambda: Method(preconditioner=HutchinsonDiagonal()),
    "nystrom": lambda: Method(preconditioner=Nystrom(rank=5), solver=ConjugateGradient(max_iter=3)),
    "calibrated": lambda: Method(
        calibration=RayleighCalibration(share=1.0), solver=ConjugateGradient(max_iter=3)
    ),
    "saddle-free": lambda: Method(curvature=Hessian, solver=SaddleFree(), warm_start=0.0),
    "trust region": lambda: Method(curvature=Hessian, solver=SteihaugToint(), warm_start=0.0),
    "structured": lambda: Method(structure=StructuralDamping(of=lambda outputs: outputs)),
}


@dataclass(frozen=True, kw_only=True)
class Course:
    """Some steps: how they are taken, on what, and whether they are judged on other data than they are made from."""

    setting: str = "plain"
    problem: str = "mse"
    way: str = "step"
    steps: int = 3
    judged: bool = False
    groups: bool = False


@dataclass
class Taken:
    """What it came to."""

    parameters: torch.Tensor
    reports: list = field(default_factory=list)
    slices: list = field(default_factory=list)


def take(course, shares=None, *, group=None, pair=None):
    """All of `course` by one process without `shares`, else by the first `len(shares)` ranks; others answer None."""
    group = group if shares is None or len(shares) == dist.get_world_size(group) else pair
    rank = None if shares is None else dist.get_rank(group)
    if rank == -1:
        return None
    problem = problems.make(course.problem)
    reduction = "sum" if course.problem.endswith("sum") else "mean"
    own = problem if rank is None else share_of(problem, shares, rank)
    # Other data to judge by than the ranks' own, and spread the other way round.
    more = dataclasses.replace(problem, inputs=problem.inputs.flip(0) + 0.1, targets=problem.targets.flip(0))
    more = more if rank is None else share_of(more, shares[::-1], rank)
    opt = optimizer(problem, course, group)
    taken = Taken(problem.vector())
    opt.on_step(lambda report, trace: taken.reports.append(report))
    opt.on_step(lambda report, trace: taken.slices.append(trace.slice))
    for _ in range(course.steps):
        if course.way == "step":
            judge = {"judge_forward": more.forward, "judge_cases": len(more.inputs)} if course.judged else {}
            opt.step(own.forward, cases=len(own.inputs), reduction=reduction, **judge)
        else:
            lists = {"judge_datalist": batches(more)} if course.judged else {}
            opt.acc_step(own.model, own.loss_function, batches(own), reduction=reduction, **lists)
    taken.parameters = problem.vector()
    return taken


def optimizer(problem, course, group):
    choice = SETTINGS[course.setting]()
    groups = problem.parameters
    if course.groups:
        groups = [{"params": groups[:2], "lr": 0.5, "damping": 2.0}, {"params": groups[2:]}]
    make = HessianFree if isinstance(choice, dict) else partial(HessianFree.from_method, method=choice)
    return make(groups, process_group=group, **(choice if isinstance(choice, dict) else {}))


def share_of(problem, shares, rank):
    """The same problem with a rank's share of the cases."""
    inputs, targets = (data.split(list(shares))[rank] for data in (problem.inputs, problem.targets))
    return dataclasses.replace(problem, inputs=inputs, targets=targets)


def batches(problem):
    """At most two cases in each."""
    return list(zip(problem.inputs.split(2), problem.targets.split(2), strict=True))


class Exchanges(TorchDispatchMode):
    """Notes how many numbers each collective operation of torch.distributed moves."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function._schema.name.startswith("c10d::"):
            self.sizes.append((function._schema.name, args[0][0].numel()))
        return function(*args, **(kwargs or {}))
