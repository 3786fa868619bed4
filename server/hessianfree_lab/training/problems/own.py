"""Problems that somebody wrote: a Python file with a decorated function, or an entry point of an installed package.

    from hessianfree_lab.training.problems import Params, Parts, problem

    class Options(Params):
        hidden_size: int = Field(32, ge=1, le=1000, description="Hidden units.")

    @problem(title="My regression", description="Ten numbers from twenty.")
    def my_regression(options: Options, generator: torch.Generator) -> Parts:
        ...
        return Parts(model=model, loss_function=nn.MSELoss(), training=(inputs, targets))

A job then names `my-regression`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, get_type_hints

import torch
from torch import Tensor, nn

from hessianfree_lab.errors import LabError
from hessianfree_lab.names import check_problem_name
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Problem, nothing
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

Pair: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a problem is made of: `loss_function(model(inputs), targets)` is a mean over cases, convex in the outputs.

    `training` and `held_out` are inputs and targets, [N, ...] each. Make them on the CPU: they are moved to the job's
    device, and what is floating point gets its dtype. `batch_size` None: every step sees all cases. `l2` times half the
    squared norm of the parameters is added to the loss. `error(outputs, targets)` is what `eval_error` records.
    """

    model: nn.Module
    loss_function: nn.Module
    training: Pair
    held_out: Pair | None = None
    error: Callable[[Tensor, Tensor], Tensor] | None = None
    batch_size: int | None = None
    l2: float = 0.0


class NoOptions(Params):
    """For problems without any."""


def problem(
    *,
    title: str,
    description: str = "",
    name: str | None = None,
    metrics: Mapping[str, str] | None = None,
    missing: Callable[[], str] = nothing,
) -> Callable[[Callable[..., Parts]], Problem]:
    """Make a problem of a function `(options, generator) -> Parts`, or `(generator) -> Parts`.

    `options` is annotated with a subclass of `Params`. What is random is drawn from `generator`, which has the job's
    seed; torch's own has it too meanwhile, since layers draw their parameters from that. `name` is the function's, with
    hyphens, unless given. `metrics`: what `loss` and others are, with their units.
    Raises TypeError for another signature, ValueError for a name that no job could give.
    """

    def made(function: Callable[..., Parts]) -> Problem:
        called = name or function.__name__.strip("_").replace("_", "-").lower()
        check_problem_name(called)
        options = _options_of(function)

        def build(params: Any, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
            generator = torch.Generator().manual_seed(seed)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)  # for layers that draw their own parameters
                parts = _made(function, (params, generator) if options is not NoOptions else (generator,))
            if not isinstance(parts, Parts):
                raise LabError(
                    f"{function.__name__}() answered a {type(parts).__name__}; it must answer Parts(...)."
                )
            return _task(parts, seed, device, dtype)

        return Problem(
            name=called,
            title=title,
            description=description or inspect.getdoc(function) or title,
            params=options,
            metrics=dict(metrics or {"loss": "mean over cases"}),
            build=build,
            divisible=True,
            missing=missing,
            module=function.__module__,
        )

    return made


def _made(function: Callable[..., Parts], arguments: tuple[Any, ...]) -> Parts:
    try:
        return function(*arguments)
    except SystemExit as error:  # a job that just ended would have ended well
        raise LabError(f"{function.__name__}() exits (sys.exit); it must answer Parts(...).") from error


def _options_of(function: Callable[..., Parts]) -> type[Params]:
    names = list(inspect.signature(function).parameters)
    if len(names) == 1:
        return NoOptions
    hint = get_type_hints(function).get(names[0]) if len(names) == 2 else None
    if not (isinstance(hint, type) and issubclass(hint, Params)):
        raise TypeError(
            f"{function.__name__}() must take (options, generator) with options annotated by a subclass of Params, or "
            f"(generator) alone; it takes ({', '.join(names)})"
        )
    return hint


def _task(parts: Parts, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
    inputs, targets = parts.training
    rest = parts.held_out or (inputs[:0], targets[:0])
    data = Split(inputs=inputs, targets=targets, held_out_inputs=rest[0], held_out_targets=rest[1])
    return SupervisedTask(
        model=parts.model.to(device, dtype),
        loss_function=parts.loss_function.to(device, dtype),  # class weights, for instance
        error=parts.error,
        data=data.placed(device, dtype),
        batch_size=parts.batch_size,
        seed=seed,
        l2=parts.l2,
    )
