"""Attention and recurrent layers: their fused kernels are left by themselves, with one message; products are right."""

import copy
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine import reference
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.curvature.memory import GraphMemory
from hessianfree.evaluation import DifferentiablePaths, Evaluation
from hessianfree.graph import edges_below
from hessianfree.objectives import ClosureObjective
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters

CURVATURES = {"ggn": GaussNewton, "hessian": Hessian}


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 12)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        q, k, v = self.project(x)[:, None].chunk(3, -1)
        return self.last(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0])


class Multihead(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.attention, self.weights = nn.MultiheadAttention(4, 2, batch_first=True), weights

    def forward(self, x):
        return self.attention(x, x, x, need_weights=self.weights)[0]


class Recurrent(nn.Module):
    def __init__(self, kind, **settings):
        super().__init__()
        self.layer = kind(4, 3, batch_first=True, **settings)

    def forward(self, x):
        return self.layer(x)[0]


MODELS = {
    "attention": SelfAttention,
    "multihead": lambda: Multihead(weights=False),
    "multihead, with weights": lambda: Multihead(weights=True),
    "encoder layer": lambda: nn.TransformerEncoderLayer(4, 2, 5, dropout=0.0, batch_first=True),
    "encoder layer, evaluation": lambda: nn.TransformerEncoderLayer(4, 2, 5, batch_first=True).eval(),
    "rnn": lambda: Recurrent(nn.RNN),
    "lstm": lambda: Recurrent(nn.LSTM, num_layers=2),
    "gru": lambda: Recurrent(nn.GRU, bidirectional=True),
}
FUSED = ["attention", "multihead", "encoder layer", "encoder layer, evaluation"]


def made(name, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, x = MODELS[name]().to(dtype), torch.randn(2, 3, 4, dtype=dtype)
    return model, x


def loss_of(outputs):
    return torch.cosh(outputs).mean() + (outputs.mean() + 0.3) ** 2


def dense(model, x, curvature_opt):
    """Row by row, through the plain kernels. (torch.func's nested jacrev is wrong for LayerNorm on 3-d inputs.)"""
    with sdpa_kernel([SDPBackend.MATH]):
        outputs = model(x)
        loss, parameters = loss_of(outputs), list(model.parameters())
        if curvature_opt == "hessian":
            return reference.hessian(loss, parameters)
        return reference.ggn(loss, outputs, parameters)


def closure(model, x):
    def forward():
        outputs = model(x)
        return loss_of(outputs), outputs

    return forward


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("name", MODELS)
def test_products_are_those_of_the_dense_matrix(name, curvature_opt):
    model, x = made(name)
    parameters = Parameters([list(model.parameters())])
    paths = DifferentiablePaths()
    generator = torch.Generator().manual_seed(1)
    with Evaluation(parameters.device, paths) as evaluation:
        here = ClosureObjective(
            parameters, closure(model, x), CURVATURES[curvature_opt], evaluation, GraphMemory(None)
        ).linearize()
        for _ in range(2):
            v = torch.randn(parameters.dimension, dtype=torch.float64, generator=generator)
            torch.testing.assert_close(
                here.curvature(v), dense(model, x, curvature_opt) @ v, rtol=1e-9, atol=1e-12
            )
    assert (paths.untold() is not None) == (name in FUSED)
    assert paths.attention == (name in FUSED)


def test_the_lstm_of_float32_has_a_right_second_derivative():
    """oneDNN runs it then; its products agree with those of float64."""
    model, x = made("lstm", torch.float32)
    exact, _ = made("lstm", torch.float64)
    exact.load_state_dict(model.state_dict())
    view = Parameters([list(model.parameters())])
    v = torch.randn(view.dimension, generator=torch.Generator().manual_seed(2))
    names = set()
    for curvature_opt, curvature in CURVATURES.items():
        loss, outputs = closure(model, x)()
        names |= {node.name() for node, _ in edges_below(loss)}
        product = curvature(loss, outputs, view)(v)
        expected = dense(exact, x.double(), curvature_opt) @ v.double()
        torch.testing.assert_close(product.double(), expected, rtol=1e-4, atol=1e-6)
    if torch.backends.mkldnn.is_available():
        assert "MkldnnRnnLayerBackward0" in names


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("name", FUSED)
def test_a_step_says_once_what_it_left(name, way):
    model, x = made(name)
    opt = HessianFree(model.parameters(), damping=2.0)

    def advance(opt):
        if way == "step":
            return opt.step(closure(model, x))
        return opt.acc_step(model, lambda outputs, _: loss_of(outputs), [(x[:1], x[:1]), (x[1:], x[1:])])

    with pytest.warns(UserWarning, match="MATH backend") as caught:
        advance(opt)
    assert len(caught) == 1
    assert opt.last_report.accepted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advance(opt)
        for copied in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
            assert copied._paths == opt._paths
    with pytest.warns(UserWarning, match="MATH backend"):
        advance(HessianFree(model.parameters(), damping=2.0))


def test_a_warning_turned_into_an_error_leaves_a_whole_step_behind():
    model, x = made("attention")
    opt = HessianFree(model.parameters(), damping=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="MATH"):
            opt.step(closure(model, x))
    assert len(opt.state["init_losses"]) == 1
    assert loss_of(model(x)).item() == pytest.approx(opt.last_report.loss_after)


def test_the_kernels_are_left_within_steps_only():
    model, x = made("attention")
    opt = HessianFree(model.parameters(), damping=2.0)
    names = []

    def forward():
        loss, outputs = closure(model, x)()
        names.append({node.name() for node, _ in edges_below(loss)})
        return loss, outputs

    def fused(graph):
        return any(name.startswith("ScaledDotProduct") for name in graph)

    with pytest.warns(UserWarning, match="MATH"):
        opt.step(forward)
    assert fused(names[0])
    assert not any(fused(graph) for graph in names[1:])
    names.clear()
    opt.step(forward)
    assert not any(fused(graph) for graph in names)
    forward()
    assert fused(names[-1])


def test_random_numbers_and_buffers_are_those_of_the_pass_that_counts():
    """The pass through the fused kernel is as if it had never been."""

    def run(paths):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Sequential(SelfAttention(), nn.Dropout(0.5), nn.BatchNorm1d(40))
            x = 3 * torch.randn(50, 40, 4)
            opt = HessianFree(model.parameters(), damping=2.0)
            opt._paths = paths
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                opt.step(closure(model, x))
            return [*model.state_dict().values(), torch.get_rng_state()]

    for a, b in zip(run(DifferentiablePaths()), run(DifferentiablePaths(attention=True)), strict=True):
        assert torch.equal(a, b)


def test_padding_is_treated_alike_with_and_without_a_graph():
    """The encoder's fast path, which only passes without a graph take, answers zeros where the input is padded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(4, 2, 5, batch_first=True).double().eval()
        encoder = nn.TransformerEncoder(layer, 1).eval()
        x = torch.randn(2, 3, 4, dtype=torch.float64)
    padded = torch.tensor([[False, False, True], [False, True, True]])
    parameters = Parameters([list(encoder.parameters())])

    def forward():
        outputs = encoder(x, src_key_padding_mask=padded)
        return loss_of(outputs), outputs

    with Evaluation(parameters.device, DifferentiablePaths()) as evaluation:
        objective = ClosureObjective(parameters, forward, GaussNewton, evaluation, GraphMemory(None))
        assert objective.loss_at(parameters.zeros()) == pytest.approx(objective.linearize().loss, rel=1e-12)


def test_no_graph_is_looked_at_for_a_product_of_ones_own():
    """It needs one derivative only: fused kernels may stay."""
    model, x = made("attention")
    opt = HessianFree(model.parameters(), damping=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opt.step(closure(model, x), mvp=lambda v: 0.1 * v)
    assert not opt._paths.attention
