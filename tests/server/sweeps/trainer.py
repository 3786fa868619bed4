"""Runs that end as a test wants."""

from collections.abc import Callable

from hessianfree_lab.records import Run
from hessianfree_lab.store import Store
from server.makers import announcement, batch, finish, step

Value = Callable[[Run], float | None]


class Trainer:
    """A worker that finishes jobs with the loss that `value` gives them; None: it diverged."""

    def __init__(self, store: Store, value: Value) -> None:
        self._store = store
        self._value = value
        self._worker = store.add_worker(announcement())

    def train(self, most: int = 1_000) -> list[Run]:
        """Whatever is queued, but no more than so many; the runs as they ended."""
        done = []
        while len(done) < most and (assignment := self._store.claim_job(self._worker)):
            value = self._value(self._store.get_run(assignment.run))
            self._store.append(assignment.run, batch(step(1, loss=1.0 if value is None else value)))
            end = finish("failed", cause="diverged") if value is None else finish()
            done.append(self._store.finish(assignment.run, end))
        return done
