"""Which runs a request means: the parameters that lists, groups, files and actions of runs share."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.store.filters import STATES
from hessianfree_lab.store.interface import RunSelection

ARCHIVED = {"false": False, "true": True, "all": None}
MOST_NAMED = 200
LONGEST_WORDS = 200


# Async: nothing blocks, and a thread for it would cost more than the call.
async def _selection(
    state: Annotated[
        str, Query(description="One or more states or causes of failures, comma separated.")
    ] = "",
    problem: str | None = None,
    optimizer: str | None = None,
    tag: str | None = None,
    q: Annotated[
        str | None,
        Query(
            description="Words, each in the name, problem, optimizer, a tag or the id.",
            max_length=LONGEST_WORDS,
        ),
    ] = None,
    filter: Annotated[str, Query(description="docs/filters.md", max_length=2_000)] = "",
    archived: Literal["false", "true", "all"] = "false",
) -> RunSelection:
    return RunSelection(
        state=states(state),
        problem=problem,
        optimizer=optimizer,
        tag=tag,
        q=q,
        filter=filter,
        archived=ARCHIVED[archived],
    )


SelectionDep = Annotated[RunSelection, Depends(_selection)]


def states(text: str) -> tuple[str, ...]:
    """States as they are stored or shown, or causes of failures, comma separated."""
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in STATES:
            message = f"state is {name!r}; it must be one of {', '.join(STATES)}."
            raise InvalidRequest([Fault("state", message)])
    return names


def named(runs: str, *, most: int = MOST_NAMED) -> tuple[str, ...]:
    """Ids, comma separated, each once."""
    ids = tuple(dict.fromkeys(run_id for run_id in runs.split(",") if run_id))
    if len(ids) > most:
        raise InvalidRequest([Fault("runs", f"runs names {len(ids)} runs; at most {most} are allowed.")])
    return ids
