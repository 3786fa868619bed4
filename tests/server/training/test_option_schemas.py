"""What is announced: JSON Schemas that say the same as the models behind them."""

import inspect
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator
from pytorch_optimizer import SOAP

from hessianfree.optimizer import HessianFree
from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.params import parse
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.registry import find

EVERYTHING = [*PROBLEMS.values(), *OPTIMIZERS.values()]
every = pytest.mark.parametrize("entry", EVERYTHING, ids=[entry.name for entry in EVERYTHING])


@every
def test_schema_is_valid_and_closed(entry):
    schema = entry.info().params_schema
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


@every
def test_every_option_has_a_default_that_is_allowed_and_a_description(entry):
    schema = entry.info().params_schema
    defaults = {name: option["default"] for name, option in schema["properties"].items()}
    Draft202012Validator(schema).validate(defaults)
    assert entry.params(**defaults) == entry.params()
    assert all(option["description"] for option in schema["properties"].values())


@every
def test_numbers_are_bounded_on_both_sides(entry):
    for name, option in entry.info().params_schema["properties"].items():
        for choice in option.get("anyOf", [option]):
            if choice.get("type") in ("integer", "number") and "enum" not in choice:
                assert {"minimum", "exclusiveMinimum"} & choice.keys(), name
                assert {"maximum", "exclusiveMaximum"} & choice.keys(), name


@every
def test_schema_and_model_refuse_the_same(entry):
    validator = Draft202012Validator(entry.info().params_schema)
    for name, option in entry.info().params_schema["properties"].items():
        for choice in option.get("anyOf", [option]):
            for bad in beyond(choice):
                assert not validator.is_valid({name: bad}), (name, bad)
                with pytest.raises(InvalidRequest) as refused:
                    parse(entry.params, {name: bad}, path="p")
                assert refused.value.faults[0].path == f"p.{name}"
                assert repr(bad) in refused.value.faults[0].message


def beyond(choice):
    """Values that the bounds of one option rule out."""
    if "minimum" in choice:
        yield choice["minimum"] - 1
    if "exclusiveMinimum" in choice:
        yield choice["exclusiveMinimum"]
    if "maximum" in choice:
        yield choice["maximum"] * 2 + 1
    if "enum" in choice:
        yield "no such choice"


# Nothing changes with time unless somebody says so.
SCHEDULED = {
    "lr_schedule": "constant",
    "lr_warmup": 0.0,
    "lr_end": 0.01,
    "lr_drops": 2,
    "lr_steps": None,
}


def test_every_optimizer_is_in_the_manual():
    manual = (Path(__file__).parents[3] / "docs" / "optimizers.md").read_text()
    assert all(f"`{name}`" in manual for name in OPTIMIZERS)


def test_hessianfree_has_every_option_of_the_constructor_with_its_default():
    signature = inspect.signature(HessianFree.__init__).parameters
    constructor = {
        name: parameter.default
        for name, parameter in signature.items()
        # params are the task's, which is a loss to minimize; execution changes cost, not what is computed;
        # the processes are those of resources.processes
        if name not in ("self", "params", "maximize", "execution", "process_group")
    }
    ours = OPTIMIZERS["hessianfree"].params().model_dump()
    assert constructor.items() <= ours.items()  # what the others are by default: test_hessian_free_options.py


@pytest.mark.parametrize(
    ("name", "torch_optimizer", "ours_alone", "renamed"),
    [
        (
            "sgd",
            torch.optim.SGD,
            {"momentum_schedule": "constant", "momentum_period": 250}
            | {"momentum_at_end": None, "momentum_end_share": 0.05},
            {},
        ),
        ("adam", torch.optim.Adam, {}, {"betas": ("beta1", "beta2")}),
        ("adamw", torch.optim.AdamW, {}, {"betas": ("beta1", "beta2")}),
        # One iteration a step, so that every iteration is recorded; torch's line search is off by default.
        ("lbfgs", torch.optim.LBFGS, {"max_iter": 1, "max_eval": 25, "line_search_fn": "strong_wolfe"}, {}),
        # One learning rate does for it and for AdamW.
        (
            "muon",
            torch.optim.Muon,
            {"adjust_lr_fn": "match_rms_adamw", "adamw_lr_share": 1.0}
            | {"adamw_beta1": 0.9, "adamw_beta2": 0.999, "adamw_eps": 1e-8},
            {},
        ),
        ("soap", SOAP, {}, {"betas": ("beta1", "beta2")}),
    ],
)
def test_baselines_have_the_defaults_of_their_packages(name, torch_optimizer, ours_alone, renamed):
    signature = inspect.signature(torch_optimizer.__init__).parameters
    expected, ours_alone = {}, SCHEDULED | ours_alone
    for option in OPTIMIZERS[name].params.model_fields:
        pair = next((old for old, new in renamed.items() if option in new), None)
        if option in ours_alone:
            expected[option] = ours_alone[option]
        elif pair is not None:
            expected[option] = signature[pair].default[renamed[pair].index(option)]
        else:
            expected[option] = signature[option].default
    assert OPTIMIZERS[name].params().model_dump() == expected


def test_several_faults_are_all_named():
    values = {"damping": -1, "nonsense": 2}
    with pytest.raises(InvalidRequest) as refused:
        parse(OPTIMIZERS["hessianfree"].params, values, path="optimizer_params")
    assert {fault.path for fault in refused.value.faults} == {
        "optimizer_params.damping",
        "optimizer_params.nonsense",
    }


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(InvalidRequest, match="nesterov needs a momentum above 0"):
        parse(OPTIMIZERS["sgd"].params, {"nesterov": True}, path="optimizer_params")


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(InvalidRequest, match=r"no problem 'rosenbrok'\. Did you mean 'rosenbrock'\?"):
        find(PROBLEMS, "rosenbrok", kind="problem")
