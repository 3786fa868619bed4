"""The convolutional networks: as many parameters as published, one case independent of the others, real images."""

import copy

import pytest
import torch
from torch import nn

from hessianfree_lab.training.datasets import labelled_images
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.classifiers.allcnnc import allcnnc
from hessianfree_lab.training.problems.classifiers.image_classifier import Shape
from hessianfree_lab.training.problems.classifiers.resnet18 import resnet18
from hessianfree_lab.variables import DATASETS
from server.training.sessions import SMALL

CPU = torch.device("cpu")
NETWORKS = {"resnet18": resnet18, "allcnnc": allcnnc}
CIFAR_10, CIFAR_100, MNIST = (
    Shape(channels=3, classes=10),
    Shape(channels=3, classes=100),
    Shape(channels=1, classes=10),
)


def build(name, **params):
    problem = PROBLEMS[name]
    return problem.build(problem.params(**SMALL[name] | params), 0, CPU, torch.float64)


@pytest.mark.parametrize(
    ("name", "width", "shape", "count"),
    [
        ("resnet18", 64, CIFAR_10, 11_173_962),
        ("resnet18", 64, CIFAR_100, 11_220_132),
        ("allcnnc", 96, CIFAR_10, 1_369_738),
        ("allcnnc", 96, CIFAR_100, 1_387_108),
    ],
)
def test_networks_are_as_large_as_published(name, width, shape, count):
    with torch.device("meta"):
        model = NETWORKS[name](width, shape)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("side", "shape"), [(32, CIFAR_100), (28, MNIST)])
def test_images_of_either_size_get_their_classes(name, side, shape):
    model = NETWORKS[name](4, shape)
    assert model(torch.randn(2, shape.channels, side, side)).shape == (2, shape.classes)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_case_does_not_hang_on_the_others_nor_the_network_on_what_it_saw(name):
    model = build(name).batch.model
    before = copy.deepcopy(model.state_dict())
    images = torch.randn(3, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = model(images)
    torch.testing.assert_close(together[1:2], model(images[1:2]))
    assert torch.equal(together, model(images))
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not list(model.buffers())
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())


def test_pixels_have_mean_zero_and_variance_one_over_the_training_images():
    task = build("allcnnc", cases=50)
    inputs, found = task.batch.inputs, labelled_images("fashion-mnist")
    assert inputs.mean().abs().item() < 1e-12
    assert inputs.std(correction=0).item() == pytest.approx(1)
    assert torch.equal(task.batch.targets, found.training_labels[:50])
    darkest = found.training[:50] == 0
    assert (inputs[darkest] == inputs.min()).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_network_in_every_dtype(name):
    problem = PROBLEMS[name]
    params = problem.params(**SMALL[name])
    double, single = (problem.build(params, 3, CPU, dtype) for dtype in (torch.float64, torch.float32))
    other = problem.build(params, 4, CPU, torch.float64)
    for p, q in zip(double.parameters, single.parameters, strict=True):
        assert torch.equal(p.float(), q)
    assert not torch.equal(double.parameters[0], other.parameters[0])


@pytest.mark.parametrize("name", ["resnet18", "allcnnc"])
def test_one_set_is_enough_and_the_others_are_told_to_be_missing(name, tmp_path, monkeypatch):
    monkeypatch.setenv(DATASETS, str(tmp_path))
    info = PROBLEMS[name].info()
    assert info.missing == ""
    supply = info.supplies["dataset"]
    assert supply.there == ["fashion-mnist"]  # Debian's package
    assert list(supply.missing) == ["cifar-10", "cifar-100", "mnist"]
    assert f"put train.bin, test.bin (or .gz) into {tmp_path / 'cifar-100'}" in supply.missing["cifar-100"]
