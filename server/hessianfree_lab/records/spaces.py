"""What a sweep leaves open: the values of each parameter, and on which others it depends."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from hessianfree_lab.records.scalars import Wire, to_float

MAX_DIMENSIONS = 32
OPTIMIZER = "optimizer"
"""The parameter of a space that chooses between optimizers."""

Choice = StrictBool | StrictInt | StrictFloat | StrictStr | None
"""One value of a parameter."""
Params = dict[str, Choice]
"""What a trial tries: a value for each parameter of the space that applies to it, by name."""
_Finite = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]


_WIDEST = 1e300
"""Bounds of a range: what lies between two of them is still a float."""


class Dimension(Wire):
    """The values of one parameter: numbers from `low` to `high`, or `choices` (a list stands for them).

    With `when` it applies to some trials alone: others are without it.
    """

    low: _Finite | None = Field(None, description="The least value.")
    high: _Finite | None = Field(None, description="The greatest; whole numbers where the parameter is one.")
    log: bool = Field(False, description="Equal ratios are equally likely.")
    step: _Finite | None = Field(None, description="Only low, low + step, and so on.")
    choices: list[Choice] | None = Field(None, min_length=1, max_length=1_000)
    when: dict[str, list[Choice]] = Field(
        default_factory=dict,
        max_length=MAX_DIMENSIONS,
        description="Only where each of these parameters has one of these values; a single value stands for its list.",
    )
    path: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="The setting's dotted path in the job, where the parameter is called otherwise.",
    )

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, value: Any) -> Any:
        return {"choices": value} if isinstance(value, list) else value

    @field_validator("when", mode="before")
    @classmethod
    def _list_values(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: found if isinstance(found, list) else [found] for name, found in value.items()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.choices is not None:
            self._check_choices(self.choices)
        elif self.low is None or self.high is None:
            raise ValueError("it needs low and high, or choices")
        else:
            self._check_range(self.low, self.high)
        return self

    def _check_choices(self, choices: list[Choice]) -> None:
        if not (self.low is self.high is self.step is None) or self.log:
            raise ValueError("choices stand alone: low, high, log and step are of a range")
        if any(isinstance(choice, int | float) and not math.isfinite(to_float(choice)) for choice in choices):
            raise ValueError("choices must be finite")
        if len({(isinstance(choice, bool), choice) for choice in choices}) < len(choices):
            raise ValueError("each choice may stand there once")

    def _check_range(self, low: float, high: float) -> None:
        for name, value in (("low", low), ("high", high), ("step", self.step)):
            if value is not None and abs(value) > _WIDEST:
                raise ValueError(f"{name} is beyond {_WIDEST:g}, and so of no use to a sampler")
        if low >= high:
            raise ValueError(f"low is {low}; it must be below high, which is {high}")
        if self.log and low <= 0:
            raise ValueError(f"low is {low}; with log it must be above 0")
        if self.step is not None and self.log:
            raise ValueError("log and step exclude each other")
        if self.step is not None and not 0 < self.step <= high - low:
            raise ValueError(f"step is {self.step}; it must be above 0 and at most high - low")


Space = Mapping[str, Dimension]
"""Parameters by name. A name is the dotted path of a setting, unless the parameter says where it stands."""


def key_of(choice: Choice) -> tuple[bool, Choice]:
    """True is not 1 among choices, as it is in Python."""
    return isinstance(choice, bool), choice


def path_of(space: Space, name: str) -> str:
    """Where in a job the parameter of this name stands."""
    return space[name].path or name


def applies(dimension: Dimension, params: Mapping[str, Choice]) -> bool:
    """Whether a trial that tries `params` has this parameter too."""
    return all(
        name in params and key_of(params[name]) in map(key_of, values)
        for name, values in dimension.when.items()
    )


def in_order(space: Space) -> list[str]:
    """The names, each behind those that its conditions are about; otherwise as they stand.

    Raises ValueError where a parameter depends on itself.
    """
    ordered: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"{name} depends on itself: {' > '.join((*above, name))}.")
        if name not in ordered:
            for parent in space[name].when:
                visit(parent, (*above, name))
            ordered[name] = None

    for name in space:
        visit(name, ())
    return list(ordered)


def deciding(space: Space) -> list[str]:
    """In order, the parameters that conditions are about, and the optimizer: it decides which settings there are."""
    asked = {OPTIMIZER}.union(*(dimension.when for dimension in space.values()))
    return [name for name in in_order(space) if name in asked]


def branches(space: Space) -> Iterator[Params]:
    """Every combination of the deciding parameters; one, empty, where there are none.

    They have choices: what depends on a range cannot be told by values.
    """
    yield from _combined(space, deciding(space), {})


def _combined(space: Space, names: list[str], params: Params) -> Iterator[Params]:
    if not names:
        yield params
        return
    name, *rest = names
    if not applies(space[name], params):
        yield from _combined(space, rest, params)
        return
    for choice in space[name].choices or ():
        yield from _combined(space, rest, params | {name: choice})
