"""What is done to many runs at once: each for itself, so that one that cannot does not hold up the others."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select, update

from hessianfree_lab.errors import RunNotFound, WrongState
from hessianfree_lab.records.table import Action, Refusal
from hessianfree_lab.store import controls, jobs
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.tables import runs, tags
from hessianfree_lab.store.transaction import Transaction

MOST_TAGS = 32
_FLAGS: dict[str, dict[str, bool]] = {
    "archive": {"archived": True},
    "unarchive": {"archived": False},
    "pin": {"pinned": True},
    "unpin": {"pinned": False},
}


def act(
    tx: Transaction, run_ids: Sequence[str], action: Action, labels: Sequence[str], requested_by: str | None
) -> list[Refusal]:
    """Do it to these runs; those that refused, and why. Each that refuses is left as it was."""
    refused = []
    for run_id in run_ids:
        try:
            with tx.connection.begin_nested():
                _act(tx, run_id, action, labels, requested_by)
        except (RunNotFound, WrongState) as error:
            refused.append(Refusal(run=run_id, reason=str(error)))
    return refused


def _act(
    tx: Transaction, run_id: str, action: Action, labels: Sequence[str], requested_by: str | None
) -> None:
    simple: dict[str, Callable[[], Any]] = {
        "cancel": lambda: jobs.request_cancel(tx, run_id),
        "pause": lambda: controls.request_pause(tx, run_id, requested_by),
        "resume": lambda: controls.request_resume(tx, run_id, requested_by),
        "retry": lambda: jobs.requeue(tx, run_id, from_scratch=False),
        "delete": lambda: run_table.remove(tx, run_id),
    }
    if action in simple:
        simple[action]()
        return
    row = run_table.find(tx, run_id)
    if action in _FLAGS:
        tx.connection.execute(update(runs).where(runs.c.id == run_id).values(_FLAGS[action]))
    else:
        _label(tx, run_id, row.state, labels, is_added=action == "tag")
    tx.emit_run(run_id)


def _label(tx: Transaction, run_id: str, state: str, labels: Sequence[str], *, is_added: bool) -> None:
    known = tx.connection.scalars(
        select(tags.c.tag).where(tags.c.run_id == run_id).order_by(tags.c.position)
    ).all()
    wanted = [*known, *labels] if is_added else [label for label in known if label not in labels]
    wanted = list(dict.fromkeys(wanted))
    if len(wanted) > MOST_TAGS:
        message = f"Run {run_id} would have {len(wanted)} tags; at most {MOST_TAGS} are allowed."
        raise WrongState(message, state=state)
    run_table.set_tags(tx, run_id, wanted)
