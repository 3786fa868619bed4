"""What was read of runs, until they change: pages ask for much of which little has changed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import is_dataclass
from itertools import chain
from sys import getsizeof
from typing import Generic, TypeVar

import numpy as np

Value = TypeVar("Value")

REMEMBERED = 4096
"""Runs whose changes are remembered; then all is forgotten, and read again."""


class Kept(Generic[Value]):
    """For a process that hears of every change; safe to share between threads.

    Whoever reads notes the `version` before its transaction begins: what it has read is kept only if the run did not
    change from then on. `most`: how much is kept, each value as heavy as `weigh` says; for more there goes what nobody
    has asked for the longest, and a value that is heavier than that alone is not kept.
    """

    def __init__(self, most: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._most = most
        self._weigh = weigh
        self._lock = threading.Lock()
        # By run and question, with their weights; what was asked for last comes last.
        self._kept: OrderedDict[tuple[str, Hashable], tuple[Value, int]] = OrderedDict()
        self._questions: dict[str, set[Hashable]] = {}  # of each run, those whose answers are kept
        self._weight = 0
        self._version = 0
        self._changed: dict[str, int] = {}  # run -> the version its change made
        self._floor = 0  # of changes up to this one it is not known which runs they were of

    def version(self) -> int:
        with self._lock:
            return self._version

    def find(self, run_ids: Iterable[str], question: Hashable = None) -> dict[str, Value]:
        """What is kept of these runs as the answer to `question`."""
        found = {}
        with self._lock:
            for run_id in run_ids:
                if (entry := self._kept.get((run_id, question))) is not None:
                    self._kept.move_to_end((run_id, question))
                    found[run_id] = entry[0]
        return found

    def keep(self, read: Mapping[str, Value], *, version: int, question: Hashable = None) -> None:
        weighed = {run_id: (value, self._weigh(value)) for run_id, value in read.items()}
        with self._lock:
            if version < self._floor:
                return
            for run_id, (value, weight) in weighed.items():
                if self._changed.get(run_id, 0) > version or weight > self._most:
                    continue
                self._drop(run_id, question)
                while self._weight + weight > self._most:
                    self._drop(*next(iter(self._kept)))
                self._kept[run_id, question] = value, weight
                self._questions.setdefault(run_id, set()).add(question)
                self._weight += weight

    def of_each(
        self, run_ids: Iterable[str], question: Hashable, make: Callable[[str], Value]
    ) -> dict[str, Value]:
        """What is kept of these runs, and of the others what `make` says; it begins its readings of them itself."""
        run_ids = list(run_ids)
        found = self.find(run_ids, question)
        for run_id in run_ids:
            if run_id not in found:
                version = self.version()
                found[run_id] = make(run_id)
                self.keep({run_id: found[run_id]}, version=version, question=question)
        return found

    def forget(self, run_ids: Iterable[str]) -> None:
        """These runs have changed; to be called once that is committed."""
        with self._lock:
            self._version += 1
            if len(self._changed) > REMEMBERED:
                self._changed.clear()
                self._floor = self._version
            for run_id in run_ids:
                self._changed[run_id] = self._version
                for question in list(self._questions.get(run_id, ())):
                    self._drop(run_id, question)

    def forget_all(self) -> None:
        """Which runs have changed is not known."""
        with self._lock:
            self._version += 1
            self._floor = self._version
            for dropped in (self._changed, self._kept, self._questions):
                dropped.clear()
            self._weight = 0

    def _drop(self, run_id: str, question: Hashable) -> None:
        _, weight = self._kept.pop((run_id, question), (None, 0))
        self._weight -= weight
        if (questions := self._questions.get(run_id)) is not None:
            questions.discard(question)
            if not questions:
                del self._questions[run_id]


def size_of(value: object) -> int:
    """About how many bytes a value takes that is made of numbers, texts and arrays."""
    parts: Iterable[object] = ()
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        parts = chain.from_iterable(value.items())
    elif isinstance(value, list | tuple):
        parts = value
    elif is_dataclass(value):
        parts = vars(value).values()
    return getsizeof(value) + sum(map(size_of, parts))
