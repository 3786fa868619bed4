"""Parameters of every kind: unused, tied, frozen, with sparse gradients; and those that are refused, by name."""

import copy

import pytest
import torch
from torch import nn

from engine import reference
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.errors import ParameterError
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters

CURVATURES = {"ggn": GaussNewton, "hessian": Hessian}


class Words(nn.Module):
    """An embedding and a layer on it; the embedding's weights also score the words, where they are tied."""

    def __init__(self, sparse, tied=False):
        super().__init__()
        self.words = nn.Embedding(6, 3, sparse=sparse)
        self.mix = nn.Linear(3, 3)
        self.scores = nn.Linear(3, 6, bias=False)
        if tied:
            self.scores.weight = self.words.weight
        self.unused = nn.Linear(2, 2)

    def forward(self, index):
        return self.scores(torch.tanh(self.mix(self.words(index))))


def made(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Words(**settings).double()
        return model, torch.tensor([0, 2, 2, 5]), torch.tensor([1, 3, 0, 5])


def closure(model, index, targets):
    def forward():
        outputs = model(index)
        return nn.functional.cross_entropy(outputs, targets), outputs

    return forward


def advance(opt, model, index, targets, way):
    if way == "step":
        return opt.step(closure(model, index, targets))
    batches = [(index[:2], targets[:2]), (index[2:], targets[2:])]
    return opt.acc_step(model, nn.functional.cross_entropy, batches)


@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.parametrize("tied", [False, True])
def test_sparse_gradients_give_the_dense_matrix(tied, curvature_opt):
    model, index, targets = made(sparse=True, tied=tied)
    plain, _, _ = made(sparse=False, tied=tied)
    plain.load_state_dict(model.state_dict())
    loss, outputs = closure(plain, index, targets)()
    dense = (
        reference.hessian(loss, list(plain.parameters()))
        if curvature_opt == "hessian"
        else reference.ggn(loss, outputs, list(plain.parameters()))
    )
    view = Parameters([list(model.parameters())])
    product = CURVATURES[curvature_opt](*closure(model, index, targets)(), view)
    matrix = torch.stack([product(e) for e in torch.eye(view.dimension, dtype=torch.float64)])
    torch.testing.assert_close(matrix, dense, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        product.gradient(), reference.gradient(loss, list(plain.parameters())), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("curvature_opt", CURVATURES)
@pytest.mark.filterwarnings("ignore:Directional curvature:UserWarning")
def test_a_step_with_sparse_gradients_is_that_with_dense_ones(curvature_opt, way):
    models = [made(sparse=sparse) for sparse in (True, False)]
    for model, index, targets in models:
        opt = HessianFree(model.parameters(), curvature_opt, damping=2.0)
        for _ in range(2):
            advance(opt, model, index, targets, way)
    for p, q in zip(models[0][0].parameters(), models[1][0].parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_an_unused_and_a_frozen_layer_stay_where_they_are(way):
    model, index, targets = made(sparse=False, tied=True)
    for p in model.mix.parameters():
        p.requires_grad = False
    before = copy.deepcopy(model.state_dict())
    opt = HessianFree(model.parameters(), damping=2.0)
    first = advance(opt, model, index, targets, way)
    assert advance(opt, model, index, targets, way) < first
    for name, values in model.state_dict().items():
        assert torch.equal(values, before[name]) == (not name.startswith(("words", "scores"))), name


def parameters_of(*tensors):
    return [nn.Parameter(tensor) for tensor in tensors]


@pytest.mark.parametrize(
    ("groups", "names", "told"),
    [
        (
            [
                parameters_of(torch.ones(2)),
                parameters_of(torch.ones(3), torch.ones(2, 4).to(torch.complex64)),
            ],
            None,
            r"real and dense; got parameter 1 of group 1, torch.complex64 \[2, 4\] on cpu",
        ),
        (
            [parameters_of(torch.eye(3).to_sparse(), torch.ones(2))],
            [["table", "bias"]],
            r"real and dense; got table, torch.float32 \[3, 3\] on cpu",
        ),
        (
            [parameters_of(torch.ones(2), torch.ones(2), torch.ones(5).double())],
            [["a", "b", "head.weight"]],
            r"most are torch.float32 on cpu, but not head.weight, torch.float64 \[5\] on cpu$",
        ),
        (
            [parameters_of(torch.ones(2), torch.ones(2), torch.ones(3, device="meta"))],
            None,
            r"most are torch.float32 on cpu, but not parameter 2 of group 0, torch.float32 \[3\] on meta$",
        ),
        (
            [parameters_of(*[torch.ones(2)] * 9, *[torch.ones(2).half()] * 5)],
            None,
            r"group 0.*parameter 11 of group 0.*; and 2 more$",
        ),
    ],
    ids=["complex", "sparse", "dtypes", "devices", "many"],
)
def test_parameters_that_make_no_vector_are_refused_by_name(groups, names, told):
    with pytest.raises(ParameterError, match=told):
        Parameters(groups, names)


def test_names_given_to_torch_are_used():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    with pytest.raises(ParameterError, match=r"not 1\.weight, torch\.float64"):
        HessianFree([*model.named_parameters(), ("extra", nn.Parameter(torch.ones(3)))])


def test_frozen_ones_may_be_of_any_kind():
    x = nn.Parameter(torch.ones(3))
    frozen = [
        nn.Parameter(torch.ones(2, dtype=dtype), requires_grad=False)
        for dtype in (torch.int64, torch.complex64, torch.float64)
    ]
    opt = HessianFree([x, *frozen], curvature_opt="hessian")
    assert opt.step(lambda: ((x**2).sum(), None)) < 3.0
