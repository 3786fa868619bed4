"""What ranks of a process group do in tests, beside steps that go well."""

import contextlib
import copy
import io
import os
import pickle
import time
import weakref

import torch
import torch.distributed as dist
from torch import nn

from engine.reads import reads_of
from engine.sharing import Exchanges, batches, problems, share_of
from hessianfree import HessianFree, Method
from hessianfree.cg import ConjugateGradient
from hessianfree.errors import RankError
from hessianfree.execution import Execution
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.stopping import Deadline, IterationLimit

SHARES = (2, 7, 3)


class Stumbling(nn.Module):
    """A model that raises in its call number `at`, and goes on as if nothing had been."""

    def __init__(self, model, at):
        super().__init__()
        self.model, self.at, self.calls = model, at, 0

    def forward(self, inputs):
        self.calls += 1
        if self.calls == self.at:
            raise ArithmeticError("one case too many")
        return self.model(inputs)


def stumble(at, *, group, pair):
    """One rank's model raises; then all take a step. What came, parameters between and after, and calls before."""
    rank = dist.get_rank(group)
    problem = problems.make("mse")
    own = share_of(problem, SHARES, rank)
    model = Stumbling(problem.model, at if rank == 1 else None)
    opt = HessianFree(problem.parameters, process_group=group, execution=Execution(graph_memory_bytes=0))
    try:
        opt.acc_step(model, own.loss_function, batches(own))
        raised = None
    except (ArithmeticError, RankError) as error:
        raised = error
    between = problem.vector()
    calls = model.calls
    opt.acc_step(model, own.loss_function, batches(own))
    return raised, between, problem.vector(), calls


def disagree(about, *, group, pair):
    """A step for which the last rank brings something else than the others."""
    last = dist.get_rank(group) == 2
    problem = problems.make("unused" if about == "dimension" and last else "mse")
    own = share_of(problem, SHARES, dist.get_rank(group))
    if about == "parameters" and last:
        with torch.no_grad():
            problem.parameters[1][0] += 1e-15
    opt = HessianFree(
        problem.parameters, process_group=group, damping=2.0 if about == "damping" and last else 1.0
    )
    opt.step(own.forward, cases=None if about == "cases" and last else len(own.inputs))


def drift(*, group, pair):
    """A step whose preconditioner differs by the last bit on one rank."""
    problem = problems.make("mse")
    own = share_of(problem, SHARES, dist.get_rank(group))
    scale = 1.0 + 2e-16 * dist.get_rank(group)
    opt = HessianFree(problem.parameters, process_group=group)
    opt.step(own.forward, M_func=lambda vector: scale * vector, cases=len(own.inputs))


def run_out_of_time(*, group, pair):
    """A step of which one rank alone finds, after some iterations, that its time is up."""
    rank = dist.get_rank(group)
    asked = []

    def seconds_left():
        asked.append(True)
        return -1.0 if rank == 1 and len(asked) > 3 else 1e9

    problem = problems.make("mse")
    own = share_of(problem, SHARES, rank)
    stopping = (Deadline(seconds_left=seconds_left), IterationLimit())
    opt = HessianFree.from_method(
        problem.parameters, Method(solver=ConjugateGradient(stopping=stopping)), process_group=group
    )
    opt.step(own.forward, cases=len(own.inputs))
    return opt.last_report.cg_stop, opt.last_report.cg_iterations, problem.vector()


def moved(iterations, *, group, pair):
    """Numbers in each exchange of a step of so many CG iterations, and how often it waits for the device."""
    problem = problems.make("mse-sum")
    own = share_of(problem, SHARES, dist.get_rank(group))
    opt = HessianFree(
        problem.parameters,
        process_group=group,
        cg_max_iter=iterations,
        damping=30.0,
        adapt_damping=False,
        use_cg_backtracking=False,
        use_linesearch=False,
    )
    with Exchanges() as exchanges:
        reads = reads_of(lambda: opt.step(own.forward, reduction="sum"))
    assert opt.last_report.cg_iterations == iterations
    return exchanges.sizes, reads, problem.dimension


def factors(shares=None, *, group=None, pair=None):
    """K-FAC's memory after a step, the parameters, and an empirical Fisher preconditioner applied to ones."""
    problem = problems.make("mse")
    own = problem if shares is None else share_of(problem, shares, dist.get_rank(group))
    opt = HessianFree.from_method(
        problem.parameters, Method(preconditioner=KFAC(model=problem.model)), process_group=group
    )
    data = problem.model, own.loss_function, own.inputs, own.targets, "mean"
    fisher = opt.get_preconditioner(*data, use_backpack=False)(torch.ones(problem.dimension).double())
    spectrum = opt.spectrum(own.forward, cases=len(own.inputs), probes=1, iterations=10)
    opt.acc_step(own.model, own.loss_function, batches(own))
    return opt.state["preconditioner"], problem.vector(), fisher, spectrum


def copied(*, group, pair):
    """A copy in the same process, what a pickle says, and what a verbose step prints."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, process_group=group, verbose=True)
    parameters, opt = copy.deepcopy((problem.parameters, opt))
    problem.model.load_state_dict(dict(zip(problem.model.state_dict(), parameters, strict=True)), assign=True)
    own = share_of(problem, SHARES, dist.get_rank(group))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        opt.step(own.forward, cases=len(own.inputs))
    try:
        pickle.dumps(opt)
        refusal = ""
    except TypeError as error:
        refusal = str(error)
    return problem.vector(), refusal, printed.getvalue()


def destroyed(*, group, pair):
    """Whether a group outlives its end while an optimizer has it, and what that then says."""
    ours = dist.new_group()
    opt = HessianFree(problems.make("mse").parameters, process_group=ours)
    dist.destroy_process_group(ours)
    gone = weakref.ref(ours)
    del ours
    try:
        opt.step(lambda: None, cases=1)
    except ValueError as error:
        return gone(), str(error)


def budget(neighbours, *, group, pair):
    """Bytes for graphs of a rank, where torchrun has started so many on its machine."""
    os.environ["LOCAL_WORLD_SIZE"] = str(neighbours)
    opt = HessianFree(problems.make("mse").parameters, process_group=group)
    opt.load_state_dict(opt.state_dict())
    del os.environ["LOCAL_WORLD_SIZE"]
    return opt._graph_memory.budget(torch.device("cpu"))


def sleep_in_a_step(seconds, *, group, pair):
    """The second of two ranks sleeps where a loss is asked for."""
    return _interrupted(lambda: time.sleep(seconds), 1, pair)


def die_in_a_step(*, group, pair):
    """The third of three ranks ends where a loss is asked for."""
    return _interrupted(lambda: os._exit(1), 2, group)


def _interrupted(interruption, interrupted, group):
    """Seconds after which the step ended on this rank, and with what."""
    rank = dist.get_rank(group)
    if rank < 0:
        return None
    problem = problems.make("mse")
    own = share_of(problem, SHARES, rank)
    calls = []

    def forward():
        calls.append(True)
        if rank == interrupted and len(calls) == 2:
            interruption()
        return own.forward()

    opt = HessianFree(problem.parameters, process_group=group)
    started = time.monotonic()
    try:
        opt.step(forward, cases=len(own.inputs))
    except RankError as error:
        return time.monotonic() - started, str(error)
    return None
