"""The deep autoencoders of files: as large as the papers', and what knowing nothing costs."""

import math

import numpy as np
import pytest
import torch
from scipy.io import savemat

from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.variables import DATASETS

CPU = torch.device("cpu")


def build(name, **params):
    problem = PROBLEMS[name]
    task = problem.build(problem.params(l2=0.0, **params), 0, CPU, torch.float32)
    with torch.no_grad():
        for parameter in task.parameters[-2:]:
            parameter.zero_()
    return task


def test_that_of_mnist_begins_at_the_pixels_entropy():
    task = build("mnist-autoencoder", dataset="fashion-mnist", cases=3, held_out_cases=2)
    assert sum(parameter.numel() for parameter in task.parameters) == 2_837_314
    assert task.forward()[0].item() == pytest.approx(784 * math.log(2), rel=1e-6)
    half = (task.batch.targets - 0.5).square().sum(1).mean().item()
    assert task.evaluate()["train_error"] == pytest.approx(half, rel=1e-5)


def test_that_of_faces_begins_at_half_the_images_square(tmp_path, monkeypatch):
    monkeypatch.setenv(DATASETS, str(tmp_path))
    images = np.random.default_rng(0).standard_normal((625, 80)).astype(np.float32)  # two of each person
    savemat(tmp_path / "newfaces_rot_single.mat", {"newfaces_single": images})
    task = build("faces-autoencoder", cases=3)
    assert sum(parameter.numel() for parameter in task.parameters) == 7_537_655
    assert task.forward()[0].item() == pytest.approx(0.5 * (images[:, :3] ** 2).sum() / 3, rel=1e-5)
    assert task.evaluate()["eval_error"] == pytest.approx((images[:, 60:] ** 2).sum() / 20, rel=1e-5)
