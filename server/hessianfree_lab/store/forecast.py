"""The queue played through: when each waiting job is likely to get a worker. Pure."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hessianfree_lab.records.estimates import Estimate

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a job asks of a worker."""

    problem: str
    optimizer: str
    cuda_device: str | None  # cuda | cuda:N
    gpus: int
    choices: tuple[
        tuple[str, str], ...
    ] = ()  # options of the problem that may choose data, and what they choose


@dataclass(frozen=True, kw_only=True)
class Crew:
    """A worker that lives. `slots`: for each, in how many seconds it becomes free; None: nobody knows."""

    problems: Collection[str]
    supplies: Mapping[str, Mapping[str, Collection[str]]]  # problem -> option -> choices whose data it has
    optimizers: Collection[str]
    cuda: Collection[str]  # its devices of that kind
    slots: Sequence[float | None]

    def places(self, gpus: int) -> int:
        """How many of its slots a job takes that has so many GPUs for itself: as many as could share them."""
        return places(gpus, slots=len(self.slots), cuda=len(self.cuda))

    def can_train(self, needs: Needs) -> bool:
        return (
            needs.problem in self.problems
            and needs.optimizer in self.optimizers
            and self.has_devices(needs)
            and not self.lacks(needs)
        )

    def lacks(self, needs: Needs) -> list[str]:
        """The choices whose data are not there, as one writes them into a job."""
        options = self.supplies.get(needs.problem, {})
        return [
            f"{option}: {choice}"
            for option, choice in needs.choices
            if option in options and choice not in options[option]
        ]

    def has_devices(self, needs: Needs) -> bool:
        asked = needs.cuda_device
        return (asked is None or bool(self.cuda and asked == "cuda") or asked in self.cuda) and len(
            self.cuda
        ) >= needs.gpus


def places(gpus: int, *, slots: int, cuda: int) -> int:
    """How many of a worker's slots a job takes: one, or as many as there are on the `gpus` it has for itself."""
    return max(1, min(gpus * slots // cuda, slots)) if gpus > 1 and cuda else 1


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """A job that waits. `seconds`: how long it is likely to train; None: nobody knows."""

    needs: Needs
    seconds: float | None


@dataclass
class Line:
    """Slots and who has taken which so far: `take` every job in the order of claims."""

    crews: Sequence[Crew]
    # By crew, a heap: whether only the earliest is known, and that. Slots with an end in sight are taken first.
    _free: list[list[tuple[bool, float]]] = field(init=False)
    _able: dict[Needs, tuple[int, ...]] = field(init=False, default_factory=dict)
    _taken: Counter[Needs] = field(init=False, default_factory=Counter)
    _latest: dict[tuple[int, ...], tuple[bool, float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._free = [
            sorted((True, 0.0) if free is None else (False, free) for free in crew.slots)
            for crew in self.crews
        ]

    def take(self, waiter: Waiter) -> tuple[bool, float] | None:
        """Whether only the earliest start is known, and when that is, in seconds; None: no worker can train it."""
        able = self._crews_for(waiter.needs)
        self._taken[waiter.needs] += 1
        if not able:
            return None
        index, (is_least, start) = min(
            ((index, self._start(index, waiter.needs)) for index in able), key=lambda found: found[1]
        )
        # Nobody passes a job that waits for the same workers.
        before = self._latest.get(able, (False, 0.0))
        is_least, start = is_least or before[0], max(start, before[1])
        self._latest[able] = is_least, start
        end = (is_least or waiter.seconds is None, start + (waiter.seconds or 0.0))
        for _ in range(self.crews[index].places(waiter.needs.gpus)):
            heapq.heapreplace(self._free[index], end)
        return is_least, start

    def _start(self, index: int, needs: Needs) -> tuple[bool, float]:
        """When as many slots of a crew are free as the job takes."""
        count = self.crews[index].places(needs.gpus)
        free = self._free[index]
        taken = free[:1] if count == 1 else heapq.nsmallest(count, free)
        return any(is_least for is_least, _ in taken), max(start for _, start in taken)

    def estimate(self, waiter: Waiter) -> Estimate:
        """Of the next job in line, which then takes its slot."""
        able = self._crews_for(waiter.needs)
        rivals = (needs for needs in self._taken if set(able).intersection(self._crews_for(needs)))
        ahead = sum(self._taken[needs] for needs in rivals)
        start = self.take(waiter)
        return _told(ahead, len(able), start, self._obstacle(waiter.needs))

    def _crews_for(self, needs: Needs) -> tuple[int, ...]:
        if needs not in self._able:
            self._able[needs] = tuple(i for i, crew in enumerate(self.crews) if crew.can_train(needs))
        return self._able[needs]

    def _obstacle(self, needs: Needs) -> str:
        """Why no worker can train it."""
        if not self.crews:
            return "No worker is here: it waits until one comes."
        if not any(needs.problem in crew.problems for crew in self.crews):
            return f"No worker here can run this: none knows the problem {needs.problem!r}."
        knowing = [crew for crew in self.crews if needs.problem in crew.problems]
        if all(crew.lacks(needs) for crew in knowing):
            lacking = " and ".join(knowing[0].lacks(needs))
            return f"No worker here can run this: none has the data of {needs.problem!r} with {lacking}."
        if not any(needs.optimizer in crew.optimizers for crew in self.crews):
            return f"No worker here can run this: none knows the optimizer {needs.optimizer!r}."
        if not any(crew.has_devices(needs) for crew in self.crews):
            wanted = f"{needs.gpus} GPUs" if needs.gpus > 1 else needs.cuda_device or "a GPU"
            return f"No worker here can run this: none announces {wanted}."
        return "No worker here can run this: none has the problem, its data, the optimizer and the devices together."


def estimates(crews: Sequence[Crew], waiters: Iterable[Waiter], first: int) -> Iterator[Estimate]:
    """Of the waiting jobs from index `first` on; those before it are played through."""
    line = Line(crews)
    for index, waiter in enumerate(waiters):
        if index >= first:
            yield line.estimate(waiter)
        else:
            line.take(waiter)


def roughly(seconds: float) -> str:
    """A duration in its largest unit: "40 s", "32 min", "3 h"."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 1.5 * unit:
            return f"{round(seconds / unit)} {name}"
    return f"{round(seconds)} s"


def _told(ahead: int, workers: int, start: tuple[bool, float] | None, obstacle: str) -> Estimate:
    if start is None:
        return Estimate(ahead=ahead, workers=0, starts_in_seconds=None, sentence=obstacle)
    is_least, seconds = start
    is_known = seconds > 0 or not is_least
    before = {0: "No job waits", 1: "One job waits"}.get(ahead, f"{ahead:,} jobs wait") + " before it"
    if not is_known:
        words = f"{before}. When it starts cannot be told: it is not known how long the jobs before it take."
    elif seconds == 0:
        words = (
            "A worker is free: it starts at once."
            if ahead == 0
            else f"{before}, and workers for all of them."
        )
    elif is_least:
        words = f"{before}. It starts in about {roughly(seconds)} at the earliest."
    else:
        words = f"{before}. It starts in about {roughly(seconds)}."
    return Estimate(
        ahead=ahead,
        workers=workers,
        starts_in_seconds=seconds if is_known else None,
        is_least=is_least and is_known,
        sentence=words,
    )
