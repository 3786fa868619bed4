"""What preconditioners made of random curvature products share: they repeat, resume, renew, and stay definite."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree
from hessianfree.method import Method
from hessianfree.preconditioners import HutchinsonDiagonal, Nystrom
from hessianfree.records import Linearization

PARTS = {
    "hutchinson": HutchinsonDiagonal(probes=4, every=3, decay=0.5),
    "nystrom": Nystrom(rank=4, every=3),
}
EACH = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)


def at(B):
    """A linearization with curvature `B`; it counts its products in `calls`."""
    calls = []
    here = Linearization(
        loss=0.0,
        gradient=torch.ones(len(B), dtype=B.dtype),
        curvature=lambda v: calls.append(1) or B @ v,
        cost=1.0,
        product_cost=4 / 3,
    )
    return here, calls


def dense(inverse, n, dtype=torch.float64):
    return torch.stack([inverse(e) for e in torch.eye(n, dtype=dtype)])


def psd(n=12, seed=0):
    root = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T


@EACH
def test_a_call_repeats_and_leaves_torchs_generator_alone(part):
    here, _ = at(psd())
    before = torch.random.get_rng_state()
    first, second = part(here, 1.0, None), part(here, 1.0, None)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(dense(first.inverse, 12), dense(second.inverse, 12))


@EACH
def test_the_seed_matters(part):
    here, _ = at(psd())
    other = type(part)(seed=5, **{name: vars(part)[name] for name in vars(part) if name != "seed"})
    assert not torch.equal(
        dense(part(here, 1.0, None).inverse, 12), dense(other(here, 1.0, None).inverse, 12)
    )


@EACH
def test_it_is_renewed_every_third_step_with_new_random_numbers(part):
    here, calls = at(psd())
    elsewhere, other_calls = at(2 * psd())
    memory, inverses = None, []
    for step in range(7):
        made = part(here if step < 3 else elsewhere, 1.0, memory)
        assert made.products == (4 if step % 3 == 0 else 0)
        memory = made.memory
        inverses.append(dense(made.inverse, 12))
    assert len(calls) == 4
    assert len(other_calls) == 8
    assert torch.equal(inverses[0], inverses[1])
    assert torch.equal(inverses[0], inverses[2])
    assert not torch.allclose(inverses[2], inverses[3])
    assert not torch.allclose(inverses[3], inverses[6])


@EACH
def test_the_damping_in_force_counts_between_renewals(part):
    here, _ = at(psd())
    memory = part(here, 1.0, None).memory
    weak, strong = (dense(part(here, damping, memory).inverse, 12) for damping in (1.0, 100.0))
    assert torch.linalg.eigvalsh(weak - strong).min() > 0


@EACH
def test_a_memory_is_never_changed_in_place(part):
    here, _ = at(psd())
    memory = part(here, 1.0, None).memory
    for _ in range(3):
        before = {name: value.clone() for name, value in memory.items()}
        after = part(here, 2.0, memory).memory
        assert all(torch.equal(memory[name], before[name]) for name in before)
        memory = after


@settings(max_examples=60, deadline=None)
@given(
    which=st.sampled_from(sorted(PARTS)),
    eigenvalues=st.lists(st.sampled_from([-3.0, -1e-9, 0.0, 1e-12, 1e-3, 1.0, 1e5]), min_size=1, max_size=8),
    damping=st.sampled_from([0.0, 1e-6, 0.1, "vector"]),
    seed=st.integers(0, 1000),
)
def test_it_is_symmetric_and_positive_definite_whatever_the_curvature(which, eigenvalues, damping, seed):
    n = len(eigenvalues)
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    if damping == "vector":
        damping = torch.logspace(-3, 1, n, dtype=torch.float64)
    here, _ = at((Q * torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T)
    M = dense(PARTS[which](here, damping, None).inverse, n)
    assert torch.isfinite(M).all()
    torch.testing.assert_close(M, M.T, rtol=1e-10, atol=1e-12 * M.abs().max().item())
    assert torch.linalg.eigvalsh(M)[0] > -1e-9 * M.abs().max()
    assert (M.diagonal() > 0).all()


@EACH
def test_products_that_are_no_numbers_do_not_raise(part):
    """CG will tell of the divergence; a preconditioner must not hide it behind an error of its own."""
    here, _ = at(torch.full((6, 6), float("nan"), dtype=torch.float64))
    part(here, 1.0, None).inverse(torch.ones(6, dtype=torch.float64))


@EACH
@pytest.mark.parametrize("way", ["forward", "model"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_an_optimizer_goes_on_to_the_bit(part, way, steps, tmp_path):
    problem = problems.make("cross-entropy")
    opt = HessianFree.from_method(problem.parameters, Method(preconditioner=part))
    for _ in range(steps):
        advance(opt, problem, way)
    assert opt.last_trace.preconditioned
    model = copy.deepcopy(problem.model)
    resumed = HessianFree.from_method(model.parameters(), Method(preconditioner=part))
    torch.save(opt.state_dict(), tmp_path / "opt.pt")
    resumed.load_state_dict(torch.load(tmp_path / "opt.pt", weights_only=True))
    other = problems.Problem(
        model=model, loss_function=problem.loss_function, inputs=problem.inputs, targets=problem.targets
    )
    assert [advance(resumed, other, way) for _ in range(4)] == [advance(opt, problem, way) for _ in range(4)]
    assert torch.equal(other.vector(), problem.vector())


@pytest.mark.parametrize(
    ("part", "bad"),
    [
        (HutchinsonDiagonal, {"probes": 0}),
        (HutchinsonDiagonal, {"every": 0}),
        (HutchinsonDiagonal, {"decay": 1.0}),
        (HutchinsonDiagonal, {"exponent": 0.0}),
        (Nystrom, {"rank": 0}),
        (Nystrom, {"every": 0}),
    ],
)
def test_settings_out_of_bounds_are_named(part, bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be .*; got {next(iter(bad.values()))}"):
        part(**bad)
