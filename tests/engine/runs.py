"""Short trainings that several tests look at."""

import itertools

import torch

from engine import problems
from hessianfree.optimizer import HessianFree

SWITCHES = [
    {"adapt_damping": a, "use_cg_backtracking": b, "use_linesearch": c}
    for a, b, c in itertools.product([False, True], repeat=3)
]


def trained(steps=4, name="cross-entropy", **settings):
    """The problem, the optimizer after `steps` steps on it, and what each of them answered."""
    problem = problems.make(name)
    opt = HessianFree(problem.parameters, **settings)
    return problem, opt, [opt.step(problem.forward) for _ in range(steps)]


def advance(opt, problem, way, wrap=lambda f: f):
    """One step that uses what `way` names: forward, mvp, M_func (`step`), model, loss_function (`acc_step`).

    `wrap` goes around that; answers the loss.
    """
    if way == "forward":
        return opt.step(wrap(problem.forward))
    if way == "mvp":
        dense = problem.dense_ggn()
        return opt.step(problem.forward, mvp=wrap(lambda v: dense @ v))
    if way == "M_func":
        return opt.step(problem.forward, M_func=wrap(lambda v: 0.5 * v))
    if way == "model":
        return opt.acc_step(wrap(problem.model), problem.loss_function, problem.batches())
    return opt.acc_step(problem.model, wrap(problem.loss_function), problem.batches())


def bits(problem):
    """Copies of all parameters."""
    return [p.detach().clone() for p in problem.parameters]


def assert_same_bits(problem, before):
    assert all(torch.equal(p.detach(), old) for p, old in zip(problem.parameters, before, strict=True))
