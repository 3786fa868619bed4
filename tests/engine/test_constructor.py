"""What the constructor takes, and what it refuses."""

import pytest
import torch

from hessianfree.optimizer import HessianFree


def parameter(n=3, **options):
    return torch.nn.Parameter(torch.ones(n, dtype=torch.float64), **options)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("curvature_opt", "fisher"),
        ("curvature_opt", "GGN"),
        ("curvature_opt", None),
        ("damping", -1e-9),
        ("cg_max_iter", 0),
        ("cg_max_iter", -3),
        ("lr", -0.1),
    ],
)
def test_a_setting_out_of_bounds_is_named_with_its_value(setting, value):
    with pytest.raises(ValueError) as caught:
        HessianFree([parameter()], **{setting: value})
    assert setting in str(caught.value)
    assert str(value) in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"damping": 0.0, "adapt_damping": False}, {"cg_max_iter": 1}, {"lr": 0.0}]
)
def test_settings_on_the_bounds_are_taken(settings):
    x = parameter()
    opt = HessianFree([x], curvature_opt="hessian", **settings)
    final = opt.step(lambda: ((x**2).sum(), None))
    assert final == 3.0 if settings.get("lr") == 0 else final < 3.0


def test_no_damping_cannot_be_adapted():
    x = parameter()
    with pytest.warns(UserWarning, match="adapt"):
        opt = HessianFree([x], curvature_opt="hessian", damping=0.0, adapt_damping=True)
    for _ in range(3):
        opt.step(lambda: ((x**2).sum(), None))
    assert opt.state["dampings"] == [0.0, 0.0, 0.0]
    assert opt.param_groups[0]["damping"] == 0.0


@pytest.mark.parametrize("cg_max_iter", [None, 3])
def test_cg_iterations_are_bounded_by_the_setting_or_the_unknowns(cg_max_iter):
    scales = torch.logspace(0, 6, 7, dtype=torch.float64)
    x = torch.nn.Parameter(1 / scales)
    opt = HessianFree([x], curvature_opt="hessian", damping=1e-6, cg_max_iter=cg_max_iter)
    opt.step(lambda: (0.5 * (scales * x**2).sum(), None))
    assert opt.state["num_cg_iters"] == [7 if cg_max_iter is None else 3]
    assert opt.state["cg_reasons"] == ["Number of iterations"]


def test_frozen_parameters_are_left_out():
    x, frozen = parameter(2), parameter(4, requires_grad=False)
    opt = HessianFree([frozen, x], curvature_opt="hessian")
    opt.step(lambda: ((x**2).sum() + frozen.sum(), None))
    assert opt.state["x0"].shape == (2,)
    assert torch.equal(frozen, torch.ones(4, dtype=torch.float64))


def test_a_generator_of_parameters_will_do():
    model = torch.nn.Linear(3, 2)
    opt = HessianFree(p for p in model.parameters())
    assert sum(p.numel() for group in opt.param_groups for p in group["params"]) == 8


def test_nothing_to_train_is_an_error():
    with pytest.raises(ValueError, match="trainable"):
        HessianFree([parameter(requires_grad=False)])


def test_mixed_precisions_are_an_error():
    with pytest.raises(ValueError, match="dtype"):
        HessianFree([parameter(), torch.nn.Parameter(torch.ones(2, dtype=torch.float32))])
