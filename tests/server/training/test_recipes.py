"""Hessian-free as the papers had it: each preset is the method it names, on the data it says."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from hessianfree.batches import GrowingBatches
from hessianfree.damping import LevenbergMarquardt
from hessianfree.method import Method, momentum_like
from hessianfree.optimizer import HessianFree
from hessianfree.stopping import Deadline, Divergence, IterationLimit, MartensProgress, ResidualTolerance
from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.optimizers.methods import HessianFreeParams, method_from
from server.training.resumption import parameters
from server.training.sessions import session

# Hessian-free says so when a step's model misled it; the metrics say it too.
pytestmark = pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")

CASES, STEPS = 1_497, 3


def running(optimizer, steps=STEPS, problem="digits-classifier", **fields):
    return session(problem, optimizer, steps, dtype="float64", **fields)


def data_of(task):
    """All training cases, in the order in which they are kept."""
    return task.batch.inputs, task.batch.targets


def without_deadline(method):
    """As the library's own methods are: a job's solver ends with its budget, too."""
    kept = tuple(rule for rule in method.solver.stopping if not isinstance(rule, Deadline))
    return replace(method, solver=replace(method.solver, stopping=kept))


def passes_of(found, steps):
    """The cases of all that goes through the model in each step: with a graph, and without."""
    seen = {True: [], False: []}
    model = found.task.batch.model
    model.register_forward_hook(lambda _, inputs, __: seen[torch.is_grad_enabled()].append(inputs[0]))
    found.task.evaluate = dict
    iterator = iter(found)
    for _ in range(steps):
        for passes in seen.values():
            passes.clear()
        records = next(iterator)
        yield records[0].metrics, seen[True], seen[False]


# [Martens 2010] ----------------------------------------------------------------------------------------------


def test_martens_has_gradient_and_search_of_all_cases_and_curvature_of_a_quarter():
    chunks = []
    chunk = -(-CASES // 4)
    for metrics, with_graph, without in passes_of(running("hessianfree-martens2010"), STEPS):
        assert metrics["examples"] == CASES
        fisher, whole, curved = with_graph
        assert [len(inputs) for inputs in with_graph] == [chunk, CASES, chunk]
        assert torch.equal(fisher, curved)
        assert {len(inputs) for inputs in without} == {CASES}
        assert len(without) == metrics["loss_evaluations"]
        chunks.append({tuple(row) for row in curved.tolist()})
        assert chunks[-1] < {tuple(row) for row in whole.tolist()}
        # 1 for the gradient, 4/3 a product and for the Fisher matrix on a chunk, 1/3 a loss of all.
        share = chunk / CASES
        cost = 1 + 4 / 3 * share * (1 + metrics["curvature_products"]) + metrics["loss_evaluations"] / 3
        assert metrics["gradient_equivalents"] == pytest.approx(cost)
    assert chunks[0] != chunks[1] != chunks[2]


def test_martens_steps_are_those_of_the_library_on_that_data():
    found = running("hessianfree-martens2010")
    task = running("sgd").task
    inputs, targets = data_of(task)
    model, loss_function = task.batch.model, nn.CrossEntropyLoss()
    stopping = (MartensProgress(), IterationLimit(), Divergence(), ResidualTolerance())
    method = Method()
    plain = HessianFree.from_method(
        task.parameters, replace(method, solver=replace(method.solver, max_iter=250, stopping=stopping))
    )
    batches = GrowingBatches(inputs, targets, first=CASES, curvature_share=0.25, judge_share=1)
    for record, trace in found:
        data = next(batches)
        ((chunk, labels),) = data.curvature
        M = plain.get_preconditioner(model, loss_function, chunk, labels, "mean")
        plain.acc_step(model, loss_function, data.gradient, mvp_datalist=data.curvature, M_func=M)
        assert record.metrics["loss_after"] == plain.last_report.loss_after
        assert record.metrics["cg_stop"] == plain.last_report.cg_stop
        assert trace.preconditioned
    assert torch.equal(parameters(found), torch.cat([p.detach().flatten() for p in task.parameters]))


def test_the_curvature_of_a_share_of_one_is_that_of_the_batch():
    options = {"cg_max_iter": 5}
    whole = running("hessianfree", optimizer_params=options)
    # By the other road: batches that hardly grow beyond all but one.
    fields = {
        "problem_params": {"batch_size": CASES - 1},
        "optimizer_params": options | {"batch_growth": 2.0},
    }
    parted = running("hessianfree", **fields)
    list(parted)
    assert [len(part[0]) for part in (*parted.task.parts.gradient, *parted.task.parts.curvature)] == [
        CASES
    ] * 2
    # From one point on, all cases in whichever order are the same function.
    nn.utils.vector_to_parameters(parameters(whole), parted.task.parameters)
    torch.testing.assert_close(parted.task.forward()[0], whole.task.forward()[0])


def test_the_penalty_belongs_to_every_part():
    """With curvature on a share the loss, its gradient and the model have the L2 term as before."""
    problem = {"cases": 40, "held_out_cases": 1, "l2": 0.5}
    found = running(
        "hessianfree",
        1,
        "curves-autoencoder",
        problem_params=problem,
        optimizer_params={"curvature_share": 0.5},
    )
    task = running("hessianfree", 1, "curves-autoencoder", problem_params=problem).task
    loss, _ = task.forward()
    gradient = torch.autograd.grad(loss, task.parameters)
    ((record, _),) = list(found)
    assert record.metrics["loss"] == pytest.approx(loss.item(), rel=1e-12)
    norm = torch.cat([g.flatten() for g in gradient]).norm().item()
    assert record.metrics["gradient_norm"] == pytest.approx(norm, rel=1e-9)


def test_hidden_states_are_damped_with_curvature_on_a_share_too():
    problem = {"cases": 30, "length": 10, "hidden_size": 10}
    moved = []
    for weight in (0.0, 1e4):
        options = {"structural_damping": weight, "curvature_share": 0.5, "damping": 1e-3, "cg_max_iter": 20}
        found = running("hessianfree", 1, "addition", problem_params=problem, optimizer_params=options)
        before = parameters(found)
        list(found)
        moved.append((parameters(found) - before).norm().item())
    assert moved[1] < 0.5 * moved[0]


def test_the_fisher_matrix_of_a_network_that_is_no_chain_of_layers_is_right():
    """A layer that is called at every time, which BackPACK would count once."""
    problem = {"cases": 30, "length": 10, "hidden_size": 4}
    found = running("hessianfree-martens2010", 1, "addition", problem_params=problem)
    task = found.task
    task.next_batch()
    ((inputs, targets),) = task.parts.curvature
    squares = torch.zeros(len(parameters(found)), dtype=torch.float64)
    for x, y in zip(inputs, targets, strict=True):
        loss = task.loss(task.batch.model(x[None]), y[None])
        squares += torch.cat([g.flatten() for g in torch.autograd.grad(loss, task.parameters)]) ** 2
    M, cost = found.driver._preconditioner()
    expected = (squares / len(inputs) + 1.0) ** -0.75
    torch.testing.assert_close(M(torch.ones_like(squares)), expected, rtol=1e-10, atol=0)
    assert cost == pytest.approx(4 / 3 * 8 / 30)


# Like momentum [Sutskever et al. 2013] -------------------------------------------------------------------------


def test_the_momentum_like_recipe_is_the_librarys():
    params = OPTIMIZERS["hessianfree-sutskever2013"].params()
    assert without_deadline(method_from(params)) == momentum_like()
    limited = params.model_copy(update={"cg_decay_x0": 0.9})
    assert [method_from(limited).warm_start(step) for step in (0, 250, 2_500)] == [0.5, 0.75, 0.9]


def test_the_momentum_like_recipe_is_judged_on_four_times_as_many_cases():
    found = running("hessianfree-sutskever2013", problem_params={"batch_size": 100})
    for metrics, with_graph, without in passes_of(found, STEPS):
        assert [len(inputs) for inputs in with_graph] == [100, 400]
        assert metrics["cg_iterations"] <= 10
        assert metrics["step_scale"] == 1
        passes = (
            sum(len(inputs) for inputs in with_graph) / 100 + sum(len(inputs) for inputs in without) / 300
        )
        assert metrics["gradient_equivalents"] == pytest.approx(
            passes + 4 / 3 * metrics["curvature_products"]
        )
    full = running("hessianfree-sutskever2013")
    assert [len(graphs) for _, graphs, _ in passes_of(full, 1)] == [1], "all cases judge themselves"


@pytest.mark.parametrize("optimizer", ["hessianfree", "hessianfree-sutskever2013", "hessianfree-recommended"])
def test_a_judge_that_there_cannot_be_is_refused_unless_it_is_the_default(optimizer):
    """A job from the queue has all defaults written out."""
    running(optimizer, optimizer_params=OPTIMIZERS[optimizer].params().model_dump())
    with pytest.raises(InvalidRequest, match="judge_share = 8 needs batches of less than all cases"):
        running(optimizer, optimizer_params={"judge_share": 8})
    running(optimizer, optimizer_params={"judge_share": 8}, problem_params={"batch_size": 100})


# Growing batches -------------------------------------------------------------------------------------------------


def test_batches_grow_to_all_cases_and_cost_what_they_are():
    fields = {
        "problem_params": {"batch_size": 500},
        "optimizer_params": {"batch_growth": 1.5, "cg_max_iter": 3},
    }
    found = running("hessianfree-growing", 4, **fields)
    sizes = []
    for metrics, with_graph, _ in passes_of(found, 4):
        sizes.append((metrics["examples"], sum(len(inputs) for inputs in with_graph[3:])))
        # Gradient, factors, products, losses; and where there is a judge its gradient and its loss, on twice the data.
        cost = 1 + 4 / 3 + 4 / 3 * metrics["curvature_products"] + metrics["loss_evaluations"] / 3
        cost += 8 / 3 if metrics["examples"] == 500 else 0
        assert metrics["gradient_equivalents"] == pytest.approx(cost * metrics["examples"] / 500)
    # The judge of the second would need more than there are: it takes all of them, and judges itself.
    assert sizes == [(500, 1_000), (CASES, 0), (CASES, 0), (CASES, 0)]


def test_a_growing_job_is_the_librarys_on_growing_batches():
    found = running("hessianfree-growing", problem_params={"batch_size": 200})
    task = running("sgd").task
    inputs, targets = data_of(task)
    plain = HessianFree.recommended(task.parameters, task.batch.model)
    batches = GrowingBatches(inputs, targets, first=200, growth=1.04, judge_share=2)
    for record, _ in found:
        plain.acc_step(task.batch.model, nn.CrossEntropyLoss(), **next(batches).lists)
        assert record.metrics["loss_after"] == plain.last_report.loss_after
        assert record.metrics["reduction_ratio"] == plain.last_report.reduction_ratio


# What they ask for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "problem", "params", "sentence"),
    [
        (
            "hessianfree-growing",
            "digits-classifier",
            {},
            "batch_growth = 1.04 needs batches of less than all",
        ),
        ("hessianfree", "digits-classifier", {"batch_growth": 2}, "batch_growth = 2 needs batches of less"),
        (
            "hessianfree",
            "rosenbrock",
            {"curvature_share": 0.5},
            "curvature_share = 0.5 needs a problem with data",
        ),
        ("hessianfree-martens2010", "rosenbrock", {}, "'empirical_fisher' needs a problem with data"),
    ],
)
def test_what_a_problem_does_not_have_is_said(optimizer, problem, params, sentence):
    with pytest.raises(InvalidRequest, match=sentence) as refused:
        session(problem, optimizer, optimizer_params=params)
    assert refused.value.faults[0].path.startswith("optimizer_params.")


@pytest.mark.parametrize("name", ["hessianfree-martens2010", "hessianfree-sutskever2013"])
def test_a_recipe_has_all_options_and_a_job_may_change_any(name):
    recipe = OPTIMIZERS[name].params
    assert list(recipe.model_fields) == list(HessianFreeParams.model_fields)
    chosen = recipe(cg_max_iter=33, damping_every=2)
    assert method_from(chosen).solver.max_iter == 33
    assert method_from(chosen).damping == LevenbergMarquardt(every=2)
    assert HessianFreeParams().model_dump() != recipe().model_dump()
