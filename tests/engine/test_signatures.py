"""Names, argument order and defaults that scripts rely on. What we add comes after them, by keyword only."""

import importlib
import inspect

import pytest
import torch

from hessianfree.optimizer import HessianFree

REQUIRED = inspect.Parameter.empty

SIGNATURES = {
    "hessianfree.optimizer:HessianFree": {
        "params": REQUIRED,
        "curvature_opt": "ggn",
        "damping": 1.0,
        "adapt_damping": True,
        "cg_max_iter": 250,
        "cg_decay_x0": 0.95,
        "use_cg_backtracking": True,
        "lr": 1.0,
        "use_linesearch": True,
        "verbose": False,
    },
    "hessianfree.optimizer:HessianFree.step": {
        "self": REQUIRED,
        "forward": REQUIRED,
        "grad": None,
        "mvp": None,
        "M_func": None,
        "test_deterministic": False,
    },
    "hessianfree.optimizer:HessianFree.acc_step": {
        "self": REQUIRED,
        "model": REQUIRED,
        "loss_func": REQUIRED,
        "loss_datalist": REQUIRED,
        "grad_datalist": None,
        "mvp_datalist": None,
        "M_func": None,
        "reduction": "mean",
        "test_deterministic": False,
    },
    "hessianfree.optimizer:HessianFree.test_reduction": {
        "self": REQUIRED,
        "model": REQUIRED,
        "loss_func": REQUIRED,
        "datalist": REQUIRED,
        "reduction": REQUIRED,
    },
    "hessianfree.optimizer:HessianFree.get_preconditioner": {
        "self": REQUIRED,
        "model": REQUIRED,
        "loss_func": REQUIRED,
        "inputs": REQUIRED,
        "targets": REQUIRED,
        "reduction": REQUIRED,
        "exponent": None,
        "use_backpack": True,
    },
    "hessianfree.cg:cg": {
        "A": REQUIRED,
        "b": REQUIRED,
        "x0": None,
        "M": None,
        "max_iter": None,
        "tol": 1e-5,
        "atol": None,
        "martens_conv_crit": False,
        "store_x_at_iters": [],
        "verbose": False,
    },
    "hessianfree.cg_backtracking:cg_backtracking": {"f": REQUIRED, "steps_list": REQUIRED, "verbose": False},
    "hessianfree.cg_backtracking:cg_efficient_backtracking": {
        "f": REQUIRED,
        "steps_list": REQUIRED,
        "verbose": False,
    },
    "hessianfree.linesearch:simple_linesearch": {
        "f": REQUIRED,
        "f_grad_0": REQUIRED,
        "step": REQUIRED,
        "init_alpha": 1.0,
        "beta": 0.8,
        "c": 1e-2,
        "max_iter": 20,
        "verbose": False,
    },
    "hessianfree.preconditioners:diag_EF_backpack": {
        "model": REQUIRED,
        "loss_function": REQUIRED,
        "inputs": REQUIRED,
        "targets": REQUIRED,
        "reduction": REQUIRED,
    },
    "hessianfree.preconditioners:diag_EF_autograd": {
        "model": REQUIRED,
        "loss_function": REQUIRED,
        "inputs": REQUIRED,
        "targets": REQUIRED,
        "reduction": REQUIRED,
    },
    "hessianfree.preconditioners:diag_to_preconditioner": {
        "diag_vec": REQUIRED,
        "damping": REQUIRED,
        "exponent": 0.75,
    },
    "hessianfree.preconditioners:diag_EF_preconditioner": {
        "model": REQUIRED,
        "loss_function": REQUIRED,
        "inputs": REQUIRED,
        "targets": REQUIRED,
        "reduction": REQUIRED,
        "damping": REQUIRED,
        "exponent": None,
        "use_backpack": True,
    },
    "hessianfree.utils:vector_to_trainparams": {"vec": REQUIRED, "parameters": REQUIRED},
    "hessianfree.utils:vector_to_parameter_list": {"vec": REQUIRED, "parameters": REQUIRED},
}


def resolve(address):
    module, names = address.split(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("address", SIGNATURES)
def test_arguments_stand_in_the_documented_order_with_their_defaults(address):
    expected = SIGNATURES[address]
    found = inspect.signature(resolve(address)).parameters
    leading = list(found.values())[: len(expected)]
    assert [p.name for p in leading] == list(expected)
    for parameter in leading:
        assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD, parameter
        default = parameter.default
        default = list(default) if isinstance(default, tuple) else default
        assert default == expected[parameter.name], parameter
    for parameter in list(found.values())[len(expected) :]:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, parameter
        assert parameter.default is not REQUIRED, parameter


def test_it_is_a_torch_optimizer():
    assert issubclass(HessianFree, torch.optim.Optimizer)


def test_the_package_names_what_a_user_needs():
    package = importlib.import_module("hessianfree")
    assert package.HessianFree is HessianFree
    for name in ("Method", "StepReport", "SolveTrace"):
        assert inspect.isclass(getattr(package, name)), name
    assert {"HessianFree", "Method", "StepReport", "SolveTrace"} <= set(package.__all__)


def test_the_reduction_check_is_no_test():
    """Its name starts with `test_`: pytest would collect it from a module that imports the class's method."""
    assert HessianFree.test_reduction.__test__ is False
