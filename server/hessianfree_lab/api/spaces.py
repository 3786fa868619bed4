"""What is wrong with the space of a sweep by itself: paths that are none, conditions that never hold."""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice

from hessianfree_lab.errors import Fault
from hessianfree_lab.names import nearest
from hessianfree_lab.records.spaces import (
    OPTIMIZER,
    Choice,
    Params,
    Space,
    applies,
    branches,
    in_order,
    key_of,
    path_of,
)
from hessianfree_lab.records.sweeps import MAX_RUNS

ROOTS = ("problem_params", "optimizer_params", "budget", "dtype", OPTIMIZER)
"""Where the paths of a space may begin."""
_LISTED = 10
_LEAVES = ("dtype", OPTIMIZER)
SPACE = "search.space"


def space_faults(space: Space) -> list[Fault]:
    """Everything that is wrong with paths and conditions; of conditions only once each makes sense alone."""
    faults = [*_path_faults(space), *_condition_faults(space)]
    return faults or list(_meeting_faults(space))


def _path_faults(space: Space) -> Iterator[Fault]:
    for name, dimension in space.items():
        path = path_of(space, name)
        root, *rest = path.split(".")
        where = f"{SPACE}.{name}" if dimension.path is None else f"{SPACE}.{name}.path"
        if root == "seed":
            yield Fault(where, "seed is not searched: give seeds, a list, beside search.")
        elif root not in ROOTS:
            message = f"{path!r} is no setting that can be searched: paths begin with {', '.join(ROOTS)}."
            yield Fault(where, message)
        elif not all(rest) or bool(rest) == (root in _LEAVES):
            yield Fault(where, f"{path!r} is no path of a setting, such as optimizer_params.damping.")
        elif root == OPTIMIZER and (name != OPTIMIZER or dimension.when):
            message = f"{OPTIMIZER} is called that in a space, and depends on nothing."
            yield Fault(where, message)
        elif root == OPTIMIZER and not all(isinstance(choice, str) for choice in dimension.choices or [0]):
            yield Fault(where, f"{OPTIMIZER} needs a list of names.")


def _condition_faults(space: Space) -> Iterator[Fault]:
    is_sound = True
    for name, dimension in space.items():
        for other, values in dimension.when.items():
            where = f"{SPACE}.{name}.when.{other}"
            known = space.get(other)
            if known is None:
                is_sound = False
                yield Fault(where, f"{other} is no parameter of this space.{nearest(other, list(space))}")
            elif known.choices is None:
                is_sound = False
                yield Fault(where, f"{other} is a range: a condition is about a parameter with choices.")
            elif odd := [v for v in values if key_of(v) not in map(key_of, known.choices)]:
                yield Fault(where, f"{other} is never {odd[0]!r}; it is one of {_listed(known.choices)}.")
            elif not values:
                yield Fault(where, f"{other} has no value here: {name} would never apply.")
    if is_sound:
        try:
            in_order(space)
        except ValueError as error:
            yield Fault(SPACE, str(error))


def _listed(choices: Sequence[Choice]) -> str:
    shown = ", ".join(map(repr, choices[:_LISTED]))
    return f"{shown}, ..." if len(choices) > _LISTED else shown


def _meeting_faults(space: Space) -> Iterator[Fault]:
    """Of parameters in the combinations that there are: some apply nowhere, others where they must not both."""
    known = list(islice(branches(space), MAX_RUNS + 1))
    if len(known) > MAX_RUNS:
        message = f"The parameters that conditions are about have more than {MAX_RUNS:,} combinations."
        yield Fault(SPACE, message)
        return
    for name, dimension in space.items():
        if not any(applies(dimension, branch) for branch in known):
            yield Fault(f"{SPACE}.{name}.when", f"{name} never applies: no trial meets all its conditions.")
    for one, other in combinations(space, 2):
        first, second = sorted((path_of(space, one), path_of(space, other)), key=len)
        if first != second and not second.startswith(f"{first}."):
            continue
        branch = _shared(space, one, other, known)
        if branch is not None:
            yield Fault(f"{SPACE}.{one}", _clash(one, other, branch, is_part=first != second))


def _shared(space: Space, one: str, other: str, known: list[Params]) -> Params | None:
    """A combination in which both apply; None: there is none."""
    both = (space[one], space[other])
    return next((branch for branch in known if all(applies(each, branch) for each in both)), None)


def _clash(one: str, other: str, branch: Params, *, is_part: bool) -> str:
    where = ", ".join(f"{name} {value}" for name, value in branch.items())
    relation = "which is a part of it" if is_part else "which sets the same"
    return f"{one} cannot be searched together with {other}, {relation}" + (
        f" where {where}." if where else "."
    )
