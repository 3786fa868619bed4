"""What goes wrong, and in which order: drawn from a seed, so that a schedule that found something can be run again."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from system.faults.plant import Member, Plant, kill_process

LONGEST_ABSENCE_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: `strike` does it, after `wait_seconds` of peace."""

    what: str
    wait_seconds: float
    strike: Callable[[Plant], None]


def schedule(seed: int, count: int, *, lease_seconds: float, mean_wait_seconds: float) -> Iterator[Fault]:
    """`count` faults of every kind, in random order and at random times."""
    draw = random.Random(seed)
    kinds = [
        *(name for name in _KINDS),
        *draw.choices(
            list(_KINDS), weights=[weight for weight, _ in _KINDS.values()], k=max(count - len(_KINDS), 0)
        ),
    ]
    draw.shuffle(kinds)
    for name in kinds[:count]:
        _, make = _KINDS[name]
        yield Fault(
            what=name,
            wait_seconds=min(draw.expovariate(1 / mean_wait_seconds), 3 * mean_wait_seconds),
            strike=make(random.Random(draw.getrandbits(64)), lease_seconds),
        )


Strike = Callable[[Plant], None]


def _kill_job(draw: random.Random, _lease: float) -> Strike:
    def strike(plant: Plant) -> None:
        runners = [runner.pid for worker in plant.workers for runner in worker.runners()]
        if runners:
            kill_process(draw.choice(runners))

    return strike


def _kill_worker(draw: random.Random, _lease: float) -> Strike:
    def strike(plant: Plant) -> None:
        _kill_for_a_while(draw.choice(plant.workers), draw)

    return strike


def _kill_server(draw: random.Random, _lease: float) -> Strike:
    return lambda plant: _kill_for_a_while(plant.server, draw)


def _kill_all(draw: random.Random, _lease: float) -> Strike:
    def strike(plant: Plant) -> None:
        for member in plant.members:
            member.send(signal.SIGKILL)
        for member in draw.sample(plant.members, len(plant.members)):
            _kill_for_a_while(member, draw)

    return strike


def _freeze_worker(draw: random.Random, lease: float) -> Strike:
    """As a worker looks that is cut off: its jobs train on, and it comes back within the lease or past it."""

    def strike(plant: Plant) -> None:
        worker = draw.choice(plant.workers)
        worker.send(signal.SIGSTOP)
        _later(draw.uniform(0.3, 2.5) * lease, lambda: worker.send(signal.SIGCONT))

    return strike


def _freeze_server(draw: random.Random, lease: float) -> Strike:
    def strike(plant: Plant) -> None:
        plant.server.send(signal.SIGSTOP)
        _later(draw.uniform(0.2, 1.0) * lease, lambda: plant.server.send(signal.SIGCONT))

    return strike


def _stop_worker(draw: random.Random, _lease: float) -> Strike:
    def strike(plant: Plant) -> None:
        worker = draw.choice(plant.workers)
        process = worker.process
        worker.send(signal.SIGTERM)
        if process is not None:
            threading.Thread(target=lambda: (process.wait(), worker.start()), daemon=True).start()

    return strike


def _kill_for_a_while(member: Member, draw: random.Random) -> None:
    member.kill()
    _later(draw.uniform(0, LONGEST_ABSENCE_SECONDS), member.start)


def _later(seconds: float, act: Callable[[], object]) -> None:
    def wait_and_act() -> None:
        time.sleep(seconds)
        act()

    threading.Thread(target=wait_and_act, daemon=True).start()


_KINDS: dict[str, tuple[int, Callable[[random.Random, float], Strike]]] = {
    "job killed": (6, _kill_job),
    "worker killed": (5, _kill_worker),
    "server killed": (5, _kill_server),
    "everything killed": (1, _kill_all),
    "worker frozen": (3, _freeze_worker),
    "server frozen": (2, _freeze_server),
    "worker told to stop": (3, _stop_worker),
}
"""Weight and making of each kind."""
