"""Each first-order rival against a loop that anybody would write, and what is counted of it."""

from itertools import pairwise

import pytest
import torch
from pytorch_optimizer import SOAP
from torch import nn

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.optimizers.muon import hidden_matrices
from server.training.resumption import parameters
from server.training.sessions import SMALL, records_of, session

STEPS = 5
NETWORK = {"batch_size": 300, "hidden_size": 8}


def muon(parameters, **options):
    """One for the first layer's weights, AdamW for the rest."""
    first, *rest = parameters
    scaled = torch.optim.Muon([first], adjust_lr_fn="match_rms_adamw", **options)
    return [scaled, torch.optim.AdamW(rest, **options)]


def one(kind):
    return lambda parameters, **options: [kind(parameters, **options)]


# Name, our options, a plain loop's optimizers, and theirs.
RIVALS = [
    ("sgd", {}, one(torch.optim.SGD), {}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, one(torch.optim.SGD), ...),
    ("adam", {"amsgrad": True}, one(torch.optim.Adam), ...),
    ("adamw", {"weight_decay": 0.2}, one(torch.optim.AdamW), ...),
    ("muon", {"weight_decay": 0.05}, muon, ...),
    ("soap", {"precondition_frequency": 2, "weight_decay": 0.1}, one(SOAP), ...),
]


@pytest.mark.parametrize(("name", "ours", "make", "theirs"), RIVALS)
def test_a_rival_goes_where_a_plain_loop_goes(name, ours, make, theirs):
    theirs = ours if theirs is ... else theirs
    fields = {"problem_params": NETWORK, "dtype": "float64"}
    running = session(
        "digits-classifier",
        name,
        STEPS,
        optimizer_params=ours | {"lr": 0.01, "lr_schedule": "linear", "lr_end": 0.5},
        **fields,
    )
    records = records_of(running)

    other = session("digits-classifier", "sgd", STEPS, **fields)
    optimizers = make(other.task.parameters, lr=0.01, **theirs)
    for step, record in enumerate(records):
        other.task.next_batch()
        batch = other.task.batch
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = 0.01 * (1 - 0.5 * step / STEPS)
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(batch.model(batch.inputs), batch.targets)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        assert record.metrics["loss"] == pytest.approx(loss.item(), rel=1e-12)
        assert record.metrics["step_scale"] == optimizers[0].param_groups[0]["lr"]
    # Orthogonal matrices are made in bfloat16: the last bit of a gradient may be worth a thousandth there.
    assert torch.allclose(parameters(running), parameters(other), rtol=1e-12, atol=1e-12)


def test_nesterovs_momentum_as_in_the_paper():
    """v <- mu v - rate g(theta + mu v), theta <- theta + v; stored is theta + mu v [Sutskever et al. 2013, 2]."""
    momentum, rate = 0.9, 1e-4
    params = {"lr": rate, "momentum": momentum, "nesterov": True}
    running = session("rosenbrock", "sgd", 20, dtype="float64", optimizer_params=params)
    task = session("rosenbrock", "sgd", dtype="float64").task
    (ahead,) = task.parameters
    theta, velocity = ahead.detach().clone(), torch.zeros(2, dtype=torch.float64)
    for _ in running:
        with torch.no_grad():
            ahead.copy_(theta + momentum * velocity)
        (gradient,) = torch.autograd.grad(task.forward()[0], [ahead])
        velocity = momentum * velocity - rate * gradient
        theta = theta + velocity
    assert torch.allclose(parameters(running), theta + momentum * velocity, rtol=1e-10)


# What is counted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "muon", "soap", "lbfgs"])
def test_a_gradient_equivalent_is_a_pass_forward_and_back(name):
    running = session("digits-classifier", name, 1_000_000, problem_params=NETWORK)
    passes, model = [], running.task.batch.model
    model.register_forward_hook(lambda *_: passes.append("forward") if torch.is_grad_enabled() else None)
    model[0].weight.register_hook(lambda _: passes.append("back"))
    steps = iter(running)
    for _ in range(3):
        passes.clear()
        running.task.evaluate = dict
        metrics = next(steps)[0].metrics
        assert passes.count("forward") == passes.count("back") == metrics["gradient_equivalents"]


# Who gets what of Muon's -------------------------------------------------------------------------------------


class Reader(nn.Module):
    """Words in, words out, and a norm between them."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.mix = nn.Linear(4, 5)
        self.norm = nn.LayerNorm(5)
        self.places = nn.Conv1d(5, 5, 3)
        self.up = nn.Linear(5, 4)
        self.out = nn.Linear(4, 7)


def test_muon_has_the_matrices_of_hidden_layers():
    reader = Reader()
    assert [id(p) for p in hidden_matrices(reader)] == [id(reader.mix.weight), id(reader.up.weight)]
    reader.up.weight = reader.words.weight  # shared: 7 x 4 would not fit, and nobody runs it
    assert [id(p) for p in hidden_matrices(reader)] == [id(reader.mix.weight)]


def test_muon_moves_hidden_layers_alike_in_all_directions():
    """The change of the first layer's weights has singular values close to each other; a gradient's are far apart."""
    running = session("digits-classifier", "muon", 1, optimizer_params={"weight_decay": 0.0}, dtype="float64")
    first, _, out, _ = running.task.parameters
    before = [first.detach().clone(), out.detach().clone()]
    list(running)
    spreads = [
        torch.linalg.svdvals(now.detach() - then)[:8] for now, then in zip((first, out), before, strict=True)
    ]
    assert spreads[0][0] < 2.5 * spreads[0][-1]
    assert (out - before[1]).abs().max().item() == pytest.approx(1e-3, rel=1e-3), "AdamW's first step"


def test_muon_takes_queries_keys_and_values_apart_and_refuses_embeddings_alone():
    params = SMALL["transformer"]
    model = session("transformer", "sgd", problem_params=params).task.batch.model
    shapes = sorted(tuple(matrix.shape) for matrix in hidden_matrices(model))
    assert shapes == [*[(4, 4)] * 4, (4, 16), (16, 4)]
    for problem in ("matrix-factorization", "least-squares", "allcnnc"):
        with pytest.raises(InvalidRequest, match=r"embeddings apart: .* Take adamw"):
            session(problem, "muon", problem_params=SMALL.get(problem, {}))


@pytest.mark.parametrize("name", ["muon", "kfac"])
def test_a_method_of_layers_needs_a_network(name):
    with pytest.raises(InvalidRequest, match=f"optimizer = '{name}' needs a problem with a network"):
        session("rosenbrock", name)


# K-FAC -------------------------------------------------------------------------------------------------------


def test_kfac_takes_the_best_combination_of_two_directions():
    """Of the gradient through the factors and the last step, by the damped model [Martens & Grosse 2015, 7]."""
    params = {"damping": 0.1, "adapt_damping": False}
    running = session(
        "digits-classifier", "kfac", 3, dtype="float64", optimizer_params=params, problem_params=NETWORK
    )
    task, before, steps = running.task, [parameters(running)], iter(running)
    for _ in range(3):
        record, trace = next(steps)
        assert record.metrics["cg_iterations"] == 1
        assert record.metrics["step_scale"] == 1
        assert trace.preconditioned
        before.append(parameters(running))
    last, step = (after - start for start, after in pairwise(before[1:]))
    # Back to where the third step began, on its batch.
    nn.utils.vector_to_parameters(before[2], task.parameters)
    loss, outputs = task.forward()
    gradient = flat(torch.autograd.grad(loss, task.parameters, retain_graph=True))
    residual = gradient + curvature(task, outputs, step) + 0.1 * step
    # The model's slope where the step ends has nothing left along the step, nor along the last one.
    for direction in (step, last):
        assert abs(residual @ direction) < 1e-9 * gradient.norm() * direction.norm()
    assert abs(gradient @ last) > 1e-6 * gradient.norm() * last.norm()


def flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


def curvature(task, outputs, vector):
    """The Gauss-Newton product for cross-entropy: J' (diag(p) - p p') J v / N, by finite differences of the outputs."""
    here, eps = parameters_of(task), 1e-6
    ends = []
    with torch.no_grad():
        for sign in (1, -1):
            nn.utils.vector_to_parameters(here + sign * eps * vector, task.parameters)
            ends.append(task.batch.model(task.batch.inputs))
        nn.utils.vector_to_parameters(here, task.parameters)
        pushed = (ends[0] - ends[1]) / (2 * eps)
        p = outputs.softmax(1)
        bent = p * pushed - p * (p * pushed).sum(1, keepdim=True)
    return flat(torch.autograd.grad(outputs, task.parameters, grad_outputs=bent / len(p)))


def parameters_of(task):
    return torch.cat([p.detach().flatten() for p in task.parameters])
