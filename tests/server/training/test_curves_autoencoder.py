"""The deep autoencoder of the literature: images, network, penalty."""

import pytest
import torch
from torch import nn

from hessianfree.optimizer import HessianFree
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.autoencoders.curves import SIDE, curves
from server.training.sessions import records_of, session

CPU = torch.device("cpu")
SMALL = {"cases": 40, "held_out_cases": 30}


def build(seed=0, dtype=torch.float64, **params):
    problem = PROBLEMS["curves-autoencoder"]
    return problem.build(problem.params(**SMALL | params), seed, CPU, dtype)


def test_images_are_thin_curves_in_grey():
    images = curves(300, 5)
    assert images.shape == (300, SIDE * SIDE)
    assert images.dtype == torch.float32
    assert (images.min().item(), images.max().item()) == (0, 1)
    ink = (images > 0).float().mean(1)
    assert 0.01 < ink.min() < 0.2
    assert ink.max() < 0.4
    assert ((images > 0) & (images < 1)).float().mean() > 0.02  # anti-aliased


def test_a_curve_is_one_piece():
    """From one inked pixel all others can be reached through neighbours."""
    for image in curves(60, 3).view(-1, SIDE, SIDE):
        ink = image > 0.2
        reached = torch.zeros_like(ink)
        reached[tuple(ink.nonzero()[0])] = True
        for _ in range(SIDE * SIDE):
            grown = nn.functional.max_pool2d(reached.float()[None], 3, stride=1, padding=1)[0].bool() & ink
            if torch.equal(grown, reached):
                break
            reached = grown
        assert torch.equal(reached, ink)


def test_a_seed_is_its_images_and_fewer_are_the_first_of_more():
    assert torch.equal(curves(20, 7), curves(300, 7)[:20])
    assert not torch.equal(curves(20, 7), curves(20, 8))
    assert curves(20, 7) is curves(20, 7)  # made once a process


def test_the_data_are_the_same_for_every_job_and_held_out_ones_others():
    first, second = build(seed=1), build(seed=2)
    assert torch.equal(first.batch.inputs, second.batch.inputs)
    assert first.evaluate() != second.evaluate()
    assert not torch.equal(curves(30, 0), curves(30, 1))
    assert len(first.batch.inputs) == 40


def test_the_network_is_that_of_the_papers_and_sparse_at_first():
    model = build().batch.model
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    widths = [784, 400, 200, 100, 50, 25, 6, 25, 50, 100, 200, 400, 784]
    assert [layer.in_features for layer in linear] == widths[:-1]
    assert [layer.out_features for layer in linear] == widths[1:]
    layers = list(model)
    for layer in linear:
        incoming = (layer.weight != 0).sum(1)
        assert (incoming == min(15, layer.in_features)).all()
        assert (layer.bias == 0).all()
        place = layers.index(layer)
        followed_by = type(layers[place + 1]) if place + 1 < len(layers) else None
        assert followed_by is (nn.Linear if layer.out_features == 6 else nn.Sigmoid if followed_by else None)
    weights = torch.cat([layer.weight[layer.weight != 0] for layer in linear])
    assert weights.std().item() == pytest.approx(1, abs=0.05)


def test_the_seed_decides_the_network_in_every_dtype():
    double, single, other = build(), build(dtype=torch.float32), build(seed=1)
    for p, q in zip(double.parameters, single.parameters, strict=True):
        assert torch.equal(p.float(), q)
    assert not torch.equal(double.parameters[0], other.parameters[0])


def test_the_penalty_is_in_loss_gradient_and_curvature_but_not_in_what_is_evaluated():
    plain, penalized = build(), build(l2=0.1)
    theta = torch.cat([p.detach().reshape(-1) for p in plain.parameters])
    loss, with_penalty = plain.forward()[0], penalized.forward()[0]
    assert with_penalty.item() == pytest.approx(loss.item() + 0.05 * theta.square().sum().item())
    assert penalized.evaluate() == plain.evaluate()
    asked = {"probes": 1, "iterations": 4}
    found = [HessianFree(task.parameters).spectrum(task.forward, **asked) for task in (plain, penalized)]
    assert found[1].trace == pytest.approx(found[0].trace + 0.1 * len(theta), rel=1e-9)


def test_training_goes_down_and_gradients_are_finite():
    records = records_of(session("curves-autoencoder", problem_params=SMALL, steps=3))
    losses = [record.metrics["loss"] for record in records]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]
    assert all(0 < record.metrics["gradient_norm"] < float("inf") for record in records)
