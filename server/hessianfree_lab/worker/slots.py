"""How many jobs a worker may have at a time."""

import threading


class Slots:
    """Their number may change while some are taken, and a job may take several: more may be taken than there are."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken = 0
        self._changed = threading.Condition()

    @property
    def has_free(self) -> bool:
        return self._taken < self._total

    def wait_for_one(self, seconds: float) -> bool:
        """Whether one is free, at the latest after so long."""
        with self._changed:
            return self._changed.wait_for(lambda: self.has_free, seconds)

    def take(self, count: int) -> None:
        with self._changed:
            self._taken += count

    def give_back(self, count: int) -> None:
        with self._changed:
            self._taken -= count
            self._changed.notify_all()

    def resize(self, total: int) -> None:
        with self._changed:
            self._total = total
            self._changed.notify_all()
