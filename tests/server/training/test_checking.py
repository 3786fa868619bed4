"""What is wrong with a problem of one's own is found, each by the look that is for it."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.training.checking import check
from hessianfree_lab.training.problems import PROBLEMS, Params, Parts, Problem, problem


def data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    inputs = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    return inputs, inputs.sum(1, keepdim=True)


def small(**changes: Any) -> Problem:
    """A right problem, but for the parts that are given: each is made by a call."""

    @problem(title="Small")
    def small_problem(generator: torch.Generator) -> Parts:
        made = {name: make() for name, make in changes.items()}
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        return Parts(**({"model": model, "loss_function": nn.MSELoss(), "training": data(generator)} | made))

    return small_problem


class Loss(nn.Module):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.function(outputs, targets)


class Detaching(nn.Module):
    """Half of what it learns is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.second(self.first(inputs).detach()) + self.first(inputs).sum(1, keepdim=True)


class Counting(nn.Module):
    """Another function after some calls."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = nn.Linear(3, 1), 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return self.linear(inputs) * (1 if self.calls < 5 else 2)


class Leaving(nn.Module):
    """Exits in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.dtype == torch.float32:
            raise SystemExit(0)
        return self.linear(inputs)


class Weighted(nn.Module):
    """Holds a constant that is no buffer, and so keeps its dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.ones(1, 1, dtype=torch.float64)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) @ self.weights).square().mean()


class Opaque(Params):
    thing: Callable[[], int] = Field(lambda: 3, description="What no form can have.")


class Demanding(Params):
    cases: int = Field(ge=1, description="How many; it has no default.")


def mixing() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1))


def wrong(looked_at: Problem) -> dict[str, str]:
    return {finding.what: finding.told for finding in check(looked_at) if not finding.is_right}


def test_nothing_is_found_where_all_is_right() -> None:
    findings = list(check(small()))
    assert [finding.told for finding in findings if not finding.is_right] == []
    assert len(findings) == 16
    told = {finding.what: finding.told for finding in findings}
    assert told["it can be built"].startswith("21 parameters, ")
    assert told[SHAPES].endswith("outputs [20, 1]")
    assert told["Gauss-Newton products agree with the dense matrix"] == "6 x 6 entries on 4 cases"
    assert told["what is held out can be evaluated"] == "nothing is held out"


def test_class_weights_are_right() -> None:
    def labels(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.randn(20, 3, generator=generator), torch.arange(20) // 13

    @problem(title="Classes")
    def classes(generator: torch.Generator) -> Parts:
        weights = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))
        return Parts(model=nn.Linear(3, 2), loss_function=weights, training=labels(generator))

    assert wrong(classes) == {}
    remark = next(each.told for each in check(classes) if each.what == "the loss is a mean over cases")
    assert "cases weigh differently" in remark


def loss(function: Callable[[Tensor, Tensor], Tensor]) -> dict[str, Any]:
    return {"loss_function": lambda: Loss(function)}


def held_out() -> tuple[Tensor, Tensor]:
    return data(torch.Generator().manual_seed(1))


SHAPES = "loss and outputs have the right shapes"
FAULTS = [
    (SHAPES, r"has shape \[20, 1\]", loss(lambda o, t: (o - t).square())),
    (SHAPES, "a row for each case", {"model": lambda: nn.Flatten(0)} | loss(lambda o, _: o.square().mean())),
    (SHAPES, "The loss is nan", loss(lambda o, t: (o - t).mean() * float("nan"))),
    ("two evaluations at one point agree", "The loss was", {"model": lambda: nn.Dropout(0.5)}),
    ("the loss is a mean over cases", "a sum in place of a mean", loss(lambda o, t: (o - t).square().sum())),
    ("each case stands alone", "a layer mix cases", {"model": mixing}),
    (
        "what is held out can be evaluated",
        "IndexError: Dimension out of range",
        {"held_out": held_out, "error": lambda: lambda outputs, targets: outputs.argmax(3).sum()},
    ),
    (
        "what is held out can be evaluated",
        "eval_error is nan at the start",
        {"held_out": held_out, "error": lambda: lambda outputs, targets: outputs.sum() * math.nan},
    ),
    ("a job can train it, in float32", "RuntimeError: expected m1 and m2", {"loss_function": Weighted}),
    ("it goes on exactly from a checkpoint", "a counter in the model", {"model": Counting}),
    ("a job can train it, in float32", "SystemExit", {"model": lambda: Leaving()}),
    ("the gradient is that of the loss", "differences", {"model": Detaching}),
    ("the loss is convex in the outputs", "curves downwards", loss(lambda o, t: -(o - t).square().mean())),
    ("Gauss-Newton products agree with the dense matrix", "Entries of the matrix", {"model": Detaching}),
    ("Hessian-free steps lower the loss", "the loss is", loss(lambda o, _: (0 * o).mean() + 1)),
    ("it can be built", "batch_size = 50", {"batch_size": lambda: 50}),
]


@pytest.mark.parametrize(("what", "told", "changes"), FAULTS)
def test_each_fault_is_found(what: str, told: str, changes: dict[str, Any]) -> None:
    found = wrong(small(**changes))
    assert what in found
    assert re.search(told, found[what])


def test_what_no_seed_repeats_is_found() -> None:
    numbers = iter(range(1_000))

    def fresh() -> tuple[Tensor, Tensor]:
        return data(torch.Generator().manual_seed(next(numbers)))

    def drawn() -> nn.Module:
        model = nn.Linear(3, 1)
        nn.init.normal_(model.weight, generator=torch.Generator().manual_seed(next(numbers)))
        return model

    same = "the same seed gives the same problem"
    assert "draw the data" in wrong(small(training=fresh))[same]
    assert "draw held-out data" in wrong(small(held_out=fresh))[same]
    assert "its parameters differ" in wrong(small(model=drawn))[same]


def test_what_a_seed_does_not_change_is_remarked() -> None:
    def fixed() -> nn.Module:
        torch.manual_seed(3)
        return nn.Linear(3, 1)

    findings = {finding.what: finding for finding in check(small(model=fixed, training=held_out))}
    assert "another seed makes the same loss" in findings["the same seed gives the same problem"].told


def test_a_name_that_another_has_is_found() -> None:
    told = next(finding.told for finding in check(small(), [PROBLEMS["quadratic"], small()]))
    assert "has a problem 'small-problem', too: a worker that finds both does not start" in told


@pytest.mark.parametrize(
    ("options", "told"), [(Opaque, "PydanticInvalidForJsonSchema"), (Demanding, "cases Field required")]
)
def test_options_that_cannot_be_announced_are_found(options: type[Params], told: str) -> None:
    def optional(options: Params, generator: torch.Generator) -> Parts:
        return Parts(model=nn.Linear(3, 1), loss_function=nn.MSELoss(), training=data(generator))

    optional.__annotations__["options"] = options
    assert told in wrong(problem(title="Optional")(optional))["a worker can announce it"]


def test_data_of_which_nothing_can_be_told_are_missing() -> None:
    def denied() -> str:
        raise PermissionError("no entry")

    @problem(title="Denied", missing=denied)
    def denied_data(generator: torch.Generator) -> Parts:
        raise AssertionError

    assert (
        wrong(denied_data)["its data are here"]
        == "What denied-data lacks here cannot be told: PermissionError: no entry"
    )


def test_data_that_are_missing_end_the_check() -> None:
    @problem(title="Away", missing=lambda: "the data are away: put them there.")
    def away(generator: torch.Generator) -> Parts:
        raise AssertionError

    assert wrong(away) == {"its data are here": "the data are away: put them there."}
