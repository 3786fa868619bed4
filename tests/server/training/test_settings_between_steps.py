"""Settings changed while a session runs: from the next step on, checked, and kept."""

import pytest
import torch

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.optimizers import OPTIMIZERS, schedules
from hessianfree_lab.training.session import Session
from server.training.resumption import facts, parameters
from server.training.sessions import session

# Hessian-free says so when a step's model misled it; the metrics say it too.
pytestmark = pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")

# For every option that may change, a value unlike its default.
OTHER_VALUES = {
    "damping": 7.5,
    "adapt_damping": False,
    "damping_least": 4.0,
    "damping_every": 3,
    "cg_max_iter": 2,
    "cg_stop": "forcing",
    "cg_decay_x0": 0.5,
    "lr": 0.25,
    "lr_schedule": "linear",
    "lr_warmup": 0.5,
    "lr_end": 0.5,
    "lr_drops": 7,
    "lr_steps": 5,
    "momentum_schedule": "growing",
    "momentum_period": 1,
    "momentum_at_end": 0.25,
    "momentum_end_share": 0.9,
    "adamw_lr_share": 3.0,
    "adamw_beta1": 0.5,
    "adamw_beta2": 0.5,
    "adamw_eps": 0.01,
    "decay": 0.1,
    "use_momentum": False,
    "refresh_every": 7,
    "use_linesearch": False,
    "weight_decay": 0.5,
    "reject_worse": True,
    "momentum": 0.25,
    "dampening": 0.5,
    "beta1": 0.5,
    "beta2": 0.5,
    "eps": 0.01,
    "max_iter": 3,
    "max_eval": 2,
    "tolerance_grad": 1.0,
    "tolerance_change": 1.0,
}
# Recipes are the same with other defaults; schedules are the same for all.
RECIPES = ("hessianfree-martens2010", "hessianfree-sutskever2013", "hessianfree-growing")
SETTABLE = [
    (optimizer.name, name)
    for optimizer in OPTIMIZERS.values()
    for name in optimizer.settable
    if optimizer.name not in RECIPES and (optimizer.name == "sgd" or name not in schedules.SETTABLE[1:])
]

# With these a change of the option shows in the steps to come.
SEEN_WITH = {
    "dampening": {"momentum": 0.9},
    "cg_decay_x0": {"cg_max_iter": 4},
    "damping_least": {"damping": 1.0},
    "reject_worse": {"lr": 500.0, "use_linesearch": False},
    "use_linesearch": {"lr": 8.0},
    "max_eval": {"max_iter": 10},
    "cg_stop": {"damping": 1e-3},
    "lr_end": {"lr_schedule": "cosine"},
    "lr_drops": {"lr_schedule": "step", "lr_steps": 4},
    "lr_steps": {"lr_schedule": "cosine"},
    "momentum_schedule": {"momentum": 0.9},
    "momentum_period": {"momentum": 0.9, "momentum_schedule": "growing"},
    "momentum_at_end": {"momentum": 0.9, "lr_steps": 2},
    "momentum_end_share": {"momentum": 0.9, "momentum_at_end": 0.25},
}


def running(optimizer, params=None, steps=2):
    """A session that has made some steps."""
    fields = {"problem_params": {"hidden_size": 8, "batch_size": 300}, "optimizer_params": params or {}}
    found = session("digits-classifier", optimizer, 20, **fields)
    return found, facts(found, steps)


@pytest.mark.parametrize(("optimizer", "name"), SETTABLE)
def test_every_settable_option_acts_on_the_next_step_and_is_kept(optimizer, name):
    params = SEEN_WITH.get(name, {})
    changed, _ = running(optimizer, params)
    unchanged, _ = running(optimizer, params)
    changed.apply({name: OTHER_VALUES[name]})
    state = changed.state()
    found = facts(changed, 4)
    assert found != facts(unchanged, 4)
    resumed = Session(changed.spec)
    resumed.restore(state)
    assert facts(resumed, 4) == found
    assert torch.equal(parameters(resumed), parameters(changed))


@pytest.mark.parametrize("optimizer", ["hessianfree", "hessianfree-recommended"])
def test_the_next_record_shows_the_damping_and_the_iterations(optimizer):
    found, _ = running(optimizer)
    found.apply({"damping": 0.123, "cg_max_iter": 1, "lr": 0.5})
    ((record, trace),) = facts(found, 1)
    assert record["metrics"]["damping"] == 0.123
    assert record["metrics"]["cg_iterations"] == 1
    assert trace["line_search"][0]["scale"] == 0.5


def test_what_the_optimizer_itself_moves_is_set_only_where_it_is_named():
    found, before = running("hessianfree", steps=4)
    damping = found.driver._optimizer.param_groups[0]["damping"]
    assert damping != before[0][0]["metrics"]["damping"]
    found.apply({"cg_max_iter": 3})
    assert facts(found, 1)[0][0]["metrics"]["damping"] == damping


def test_an_empty_damping_is_the_recommended_one():
    found, _ = running("hessianfree-recommended", {"damping": 3.0})
    found.apply({"damping": None})
    assert facts(found, 1)[0][0]["metrics"]["damping"] == 0.1


def test_applying_twice_between_two_steps_is_applying_once():
    once, _ = running("hessianfree")
    twice, _ = running("hessianfree")
    settings = {"damping": 0.5, "lr": 0.5, "budget": {"steps": 6}}
    once.apply(settings)
    twice.apply(settings)
    twice.apply(settings)
    assert facts(once) == facts(twice)


def test_settings_are_applied_again_where_they_were_applied_before():
    """As an attempt does that goes on from a checkpoint before them."""
    first, _ = running("hessianfree", steps=1)
    state = first.state()
    facts(first, 1)
    first.apply({"damping": 0.5})
    second = Session(first.spec)
    second.restore(state)
    facts(second, 1)
    second.apply({"damping": 0.5})
    assert facts(first, 3) == facts(second, 3)


# Refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "path", "sentence"),
    [
        ({"dampling": 1}, "settings.dampling", "cannot be set while a job runs; there are damping,"),
        ({"curvature_opt": "hessian"}, "settings.curvature_opt", "cannot be set while a job runs"),
        ({"damping": -1}, "settings.damping", "greater than or equal to 0"),
        ({"cg_max_iter": "many"}, "settings.cg_max_iter", "valid integer"),
        ({"budget": {"steps": 0}}, "settings.budget.steps", "greater than or equal to 1"),
        ({"budget": {"epochs": 3}}, "settings.budget.epochs", "not permitted"),
        ({"budget": 5}, "settings.budget", "must have steps, seconds or target_loss"),
    ],
)
def test_what_cannot_be_set_is_refused_as_a_whole(settings, path, sentence):
    found, _ = running("hessianfree")
    other, _ = running("hessianfree")
    with pytest.raises(InvalidRequest, match=sentence) as refused:
        found.apply({"lr": 0.01, **settings})
    assert [fault.path for fault in refused.value.faults] == [path]
    assert facts(found, 2) == facts(other, 2)


def test_options_that_do_not_go_together_are_refused():
    found, _ = running("sgd", {"nesterov": True, "momentum": 0.9})
    with pytest.raises(InvalidRequest, match="nesterov needs a momentum above 0"):
        found.apply({"momentum": 0.0})


def test_what_is_settable_is_announced_and_an_option():
    for optimizer in OPTIMIZERS.values():
        info = optimizer.info()
        assert info.settable == list(optimizer.settable) != []
        assert set(info.settable) <= info.params_schema["properties"].keys()


# The budget ----------------------------------------------------------------------------------------------


def test_a_budget_can_be_raised_and_lowered():
    found, _ = running("adam", steps=3)
    found.apply({"budget": {"steps": 30}})
    facts(found, 20)
    found.apply({"budget": {"steps": 25}})
    assert len(facts(found)) == 2


def test_a_changed_budget_is_kept():
    found, _ = running("adam", steps=1)
    found.apply({"budget": {"steps": 3}})
    resumed = Session(found.spec)
    resumed.restore(found.state())
    assert len(facts(resumed)) == 2


def test_a_budget_below_what_is_spent_leaves_one_step_which_is_evaluated():
    found, _ = running("adam", steps=5)
    found.apply({"budget": {"steps": 2}})
    ((record,),) = list(found)
    assert record.step == 6
    assert {"loss_after", "eval_error"} <= record.metrics.keys()


def test_a_budget_raised_after_the_last_step_leaves_more_steps():
    found = session("digits-classifier", "adam", 2)
    records = iter(found)
    next(records)
    next(records)
    found.apply({"budget": {"steps": 4}})
    assert [record.step for (record,) in records] == [3, 4]


def test_the_limits_that_are_not_named_stay():
    found, _ = running("adam", steps=1)
    found.apply({"budget": {"target_loss": 1e-9}})
    assert (found.budget.steps, found.budget.target_loss) == (20, 1e-9)
    found.apply({"budget": {"steps": None, "target_loss": 1e9}})
    assert len(facts(found)) == 1
