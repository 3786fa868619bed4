"""Priorities that put a queue into an order somebody asked for."""

from collections.abc import Iterable, Sequence

from hessianfree_lab.records.jobs import HIGHEST_PRIORITY, LOWEST_PRIORITY

Ranked = tuple[str, int]
"""Id and priority. Of equal priorities the lower id, which is the older job, comes first."""


def reranked(order: Sequence[Ranked], moved: int) -> dict[str, int] | None:
    """New priorities by which jobs are claimed in this order, which is theirs now but for the one at index `moved`.

    That job's alone where some priority puts it there, the nearest to its own; otherwise those of neighbours too, on
    the side where fewer change. None: there are not enough priorities.
    """
    front, (run_id, priority), back = order[:moved], order[moved], order[moved + 1 :]
    least = _least_before(run_id, back[0]) if back else LOWEST_PRIORITY
    most = _most_after(run_id, front[-1]) if front else HIGHEST_PRIORITY
    if least <= most:
        target = min(max(priority, least), most)
        return {run_id: target} if target != priority else {}
    raised = _raise(front[::-1], (run_id, least))
    lowered = _lower(back, (run_id, most))
    possible = [changes for changes in (raised, lowered) if changes is not None]
    return min(possible, key=len, default=None)


def _raise(front: Iterable[Ranked], below: Ranked) -> dict[str, int] | None:
    """Priorities of `below` and of those in front of it, from it on, as far as it needs."""
    changes = dict([below])
    for run_id, priority in front:
        if priority >= (least := _least_before(run_id, below)):
            break
        below = (run_id, least)
        changes[run_id] = least
    return changes if below[1] <= HIGHEST_PRIORITY else None


def _lower(back: Iterable[Ranked], above: Ranked) -> dict[str, int] | None:
    changes = dict([above])
    for run_id, priority in back:
        if priority <= (most := _most_after(run_id, above)):
            break
        above = (run_id, most)
        changes[run_id] = most
    return changes if above[1] >= LOWEST_PRIORITY else None


def _least_before(run_id: str, later: Ranked) -> int:
    return later[1] if run_id < later[0] else later[1] + 1


def _most_after(run_id: str, earlier: Ranked) -> int:
    return earlier[1] if run_id > earlier[0] else earlier[1] - 1
