"""From a space and the parameters of a trial to the jobs that are queued."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice, product
from math import prod
from typing import Any

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import JobSpec
from hessianfree_lab.records.spaces import (
    OPTIMIZER,
    Choice,
    Dimension,
    Params,
    Space,
    applies,
    branches,
    deciding,
    path_of,
)
from hessianfree_lab.records.sweeps import MAX_RUNS, SweepSpec


def set_at(job: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the job with each value at its dotted path; `job` is left alone.

    Raises InvalidRequest for a path that leads through a value: damping.x, where damping is a number.
    """
    changed = dict(job)
    for path, value in params.items():
        *places, name = path.split(".")
        inner = changed
        for place in places:
            part = inner.get(place) or {}
            if not isinstance(part, Mapping):
                message = f"{path} leads through {place}, which is {part!r} and has no parts."
                raise InvalidRequest([Fault(path, message)])
            inner[place] = dict(part)
            inner = inner[place]
        inner[name] = value
    return changed


def job_of(spec: SweepSpec, params: Params) -> dict[str, Any]:
    """The base of the sweep with what a trial tries, and with what else its optimizer has where that is searched."""
    base = spec.base.model_dump(mode="json")
    if OPTIMIZER in params:
        base["optimizer_params"] = spec.optimizers.get(str(params[OPTIMIZER]), {})
    return set_at(base, {path_of(spec.search.space, name): value for name, value in params.items()})


def jobs_of(spec: SweepSpec, name: str, number: int, params: Params) -> list[JobSpec]:
    """The jobs of a trial: its configuration with every seed, named after the sweep."""
    base = job_of(spec, params)
    seeds = spec.all_seeds
    return [
        JobSpec.model_validate(
            base | {"seed": seed, "name": f"{name} #{number}" + (f" seed {seed}" if len(seeds) > 1 else "")}
        )
        for seed in seeds
    ]


def values_of(dimension: Dimension) -> list[Choice] | None:
    """Every value of a parameter, in order; None: it has no end of them. `count_of` says beforehand how many."""
    if dimension.choices is not None:
        return list(dimension.choices)
    if (whole := _whole_numbers(dimension)) is not None:
        return list(whole)
    if (count := count_of(dimension)) is None:
        return None
    # In decimals, in which people write them: 0.1, 0.2, 0.3 and not 0.30000000000000004.
    first, width = Decimal(str(dimension.low)), Decimal(str(dimension.step))
    return [float(first + place * width) for place in range(count)]


def count_of(dimension: Dimension) -> int | None:
    """How many values a parameter has, without making them: there may be more than fit into memory; None: no end."""
    if dimension.choices is not None:
        return len(dimension.choices)
    if (whole := _whole_numbers(dimension)) is not None:
        return max(0, (whole.stop - whole.start + whole.step - 1) // whole.step)
    if dimension.step is None:
        return None
    width = Decimal(str(dimension.high)) - Decimal(str(dimension.low))
    return int(width / Decimal(str(dimension.step))) + 1


def _whole_numbers(dimension: Dimension) -> range | None:
    """The values of a parameter that is a whole number; None: it is none."""
    low, high, step = dimension.low, dimension.high, dimension.step
    if dimension.log or not isinstance(low, int) or not isinstance(high, int) or isinstance(step, float):
        return None
    return range(low, high + 1, step or 1)


def grid_size(space: Space) -> int | None:
    """How many configurations a grid over the space has; None: without end.

    With conditions it is counted no further than to the first number beyond MAX_RUNS.
    """
    lengths = {name: count_of(dimension) for name, dimension in space.items()}
    if None in lengths.values():
        return None
    total = 0
    for branch in branches(space):
        total += prod(lengths[name] or 0 for name in _left_open(space, branch))
        if total > MAX_RUNS:
            break
    return total


def grid(space: Space, start: int, stop: int) -> Iterator[Params]:
    """The configurations `start` to `stop` (not included) of the grid; the last parameter changes fastest.

    The deciding ones change slower than all others.
    """
    columns = {name: values_of(dimension) for name, dimension in space.items()}
    if None in columns.values():
        raise ValueError(f"A grid over {', '.join(space)} has no end.")
    yield from islice(_configurations(space, columns), start, stop)


def _configurations(space: Space, columns: Mapping[str, list[Choice] | None]) -> Iterator[Params]:
    for branch in branches(space):
        names = _left_open(space, branch)
        for values in product(*(columns[name] or () for name in names)):
            found = branch | dict(zip(names, values, strict=True))
            yield {name: found[name] for name in space if name in found}


def _left_open(space: Space, branch: Params) -> list[str]:
    """The parameters that apply beside those of the branch."""
    decided = deciding(space)
    return [name for name in space if name not in decided and applies(space[name], branch)]
