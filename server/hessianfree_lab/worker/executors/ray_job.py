"""A job on a Ray cluster: an outpost for each of its processes, and what they tell brought into one spool.

The agent alone hears of all the processes and of their nodes, so it says how the attempt has ended where one of them
was killed, or lost.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from hessianfree_lab.client.spool import FINISH, Spool, write_atomically
from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Command, FinishRequest
from hessianfree_lab.training.seat import HERE, Seat
from hessianfree_lab.variables import VISIBLE_DEVICES
from hessianfree_lab.worker.crew import ENDING_SECONDS, GRACE_SECONDS
from hessianfree_lab.worker.ending import OUT_OF_MEMORY_CODE
from hessianfree_lab.worker.executors.interface import Exit
from hessianfree_lab.worker.executors.needs import Needs
from hessianfree_lab.worker.executors.outpost import (
    FOLLOWED,
    PIECE_BYTES,
    PRINTED,
    Mission,
    News,
    Outpost,
    Place,
)

READ_SECONDS = 1.0  # how long an outpost waits for something to tell
LOOK_SECONDS = 0.2  # at whether a job that waits for room is still wanted
KILL_SECONDS = 5.0  # for an outpost to kill its process; then it is killed itself
ANSWER_SECONDS = 60.0
LOSS_SECONDS = 60.0  # for Ray to notice that a node has gone


class Relay:
    """What one outpost tells, brought into the agent's spool; from one that is not rank 0, what is printed there."""

    def __init__(self, ray: Any, actor: Any, spool: Spool, *, is_first: bool) -> None:
        self.exit: Exit | None = None
        self.said: str | None = None  # rank 0's last word
        self._ray, self._actor, self._spool = ray, actor, spool
        self._is_first = is_first
        self._positions = dict.fromkeys(FOLLOWED if is_first else PRINTED, 0)
        self._pending = self._ask()

    @property
    def pending(self) -> Any:
        return self._pending

    def take(self) -> None:
        """Write down what has come, if something has. Raises what Ray does for an outpost that has gone."""
        if self.exit is not None or not self._ray.wait([self._pending], timeout=0)[0]:
            return
        news: News = self._ray.get(self._pending)
        for name, piece in news.pieces.items():
            if name == FINISH:
                self.said = piece.decode()
                continue
            whole = piece if self._is_first or news.exit is not None else _lines(piece)
            with (self._spool.directory / name).open("ab") as file:
                file.write(whole)
            self._positions[name] += len(whole)
        self.exit = news.exit
        if self.exit is None:
            self._pending = self._ask()

    def _ask(self) -> Any:
        return self._actor.read.remote(self._positions, READ_SECONDS)


class RayProcess:
    """A job's outposts, and through them the job; the first has rank 0."""

    def __init__(self, ray: Any, needs: Needs, mission: Mission, spool: Spool) -> None:
        """Asks Ray for room: for all processes of the job, or none."""
        self._ray, self._needs, self._mission, self._spool = ray, needs, mission, spool
        self._is_killed = False
        self._is_there = False  # the job, and its outposts with it
        self._relays: list[Relay] = []
        self._group: Any = None
        options: dict[str, Any] = {}
        if needs.processes > 1:
            bundle = {"CPU": needs.cpus} | ({"GPU": needs.gpus} if needs.gpus else {})
            self._group = ray.util.placement_group([bundle] * needs.processes, strategy="PACK")
            within = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy
            options = {"scheduling_strategy": [within(self._group, rank) for rank in range(needs.processes)]}
        assignment = mission.assignment
        self._actors = [
            ray.remote(Outpost)
            .options(
                num_cpus=needs.cpus,
                num_gpus=needs.gpus,
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=4,
                name=f"hessianfree {assignment.run} {assignment.attempt} {rank}",
                **{name: each[rank] for name, each in options.items()},
            )
            .remote()
            for rank in range(needs.processes)
        ]
        self._places = [actor.place.remote() for actor in self._actors]

    def wait(self) -> Exit:
        errors = self._ray.exceptions
        try:
            if not self._has_room():
                return Exit()
            self._begin()
            self._is_there = True
            return self._followed()
        except errors.RayTaskError as error:  # what an outpost raised
            raise LabError(cause_of(error)) from error
        except errors.RayError as error:
            if self._is_killed:
                return Exit()
            return Exit(lost=f"The node of the Ray cluster that it ran on has gone: {cause_of(error)}")
        finally:
            self._is_there = False
            for actor in self._actors:
                self._ray.kill(actor)
            if self._group is not None:
                self._ray.util.remove_placement_group(self._group)

    def tell(self, command: Command) -> None:
        self._send(lambda: self._actors[0].tell.remote(command))

    def terminate(self) -> None:
        if self._is_there:
            self._send(self._actors[0].terminate.remote)
        else:
            self._is_killed = True

    def kill(self) -> None:
        self._is_killed = True
        for actor in self._actors:
            self._send(actor.kill.remote)

    def _send(self, call: Callable[[], Any]) -> None:
        """Without waiting for it; to an outpost that has gone, or is not there yet, nothing is sent."""
        if self._is_there:
            with suppress(self._ray.exceptions.RayError):
                call()

    def _has_room(self) -> bool:
        """Wait until all outposts stand; False if the job was not wanted so long."""
        while not self._is_killed:
            if not self._ray.wait(self._places, num_returns=len(self._places), timeout=LOOK_SECONDS)[1]:
                return True
        return False

    def _begin(self) -> None:
        places: list[Place] = self._ray.get(self._places)
        missions = list(missions_at(places, self._mission, self._needs))
        if len(places) > 1:
            with closing(self._spool.writer()) as writer:
                nodes = ", ".join(f"{place.name} ({place.address})" for place in places)
                writer.append_note(f"Its {len(places)} processes run on {nodes}.")
        first, *others = self._actors
        port: int = self._ray.get(first.begin.remote(missions[0]))
        self._ray.get(
            [
                actor.begin.remote(mission.found_at(port))
                for actor, mission in zip(others, missions[1:], strict=True)
            ]
        )
        self._relays = [
            Relay(self._ray, actor, self._spool, is_first=actor is self._actors[0]) for actor in self._actors
        ]

    def _followed(self) -> Exit:
        """Bring in what the outposts tell until the job has ended, and say how."""
        first, *others = self._relays
        killed_at: float | None = None
        fell_at: float | None = None
        while first.exit is None:
            self._take()
            now = time.monotonic()
            if self._is_killed:
                killed_at = killed_at or now
                if now - killed_at > KILL_SECONDS:
                    return Exit()
            if (fallen := _fallen(others)) is not None:
                # Rank 0 finds out by itself, unless it waits for somebody who will never come.
                fell_at = fell_at or now
                if now - fell_at > GRACE_SECONDS:
                    return fallen
        ended = None if first.said is None else FinishRequest.model_validate_json(first.said)
        if ended is None or ended.state == "failed":
            self._hear_others(LOSS_SECONDS)
            fallen = _fallen(others)
            if fallen is not None and (fallen.code < 0 or ended is None):
                return fallen
        else:
            with suppress(self._ray.exceptions.RayError):  # it is over, whatever becomes of them
                self._hear_others(ENDING_SECONDS)
        if first.said is not None:
            write_atomically(self._spool.directory / FINISH, first.said)
        with suppress(self._ray.exceptions.RayError):
            self._ray.get([actor.leave.remote() for actor in self._actors], timeout=ANSWER_SECONDS)
        return first.exit

    def _take(self) -> None:
        """What has come from any of them; waits a little for it."""
        pending = [relay.pending for relay in self._relays if relay.exit is None]
        self._ray.wait(pending, timeout=LOOK_SECONDS)
        for relay in self._relays:
            relay.take()

    def _hear_others(self, seconds: float) -> None:
        """Until all have ended, or been lost, which raises."""
        deadline = time.monotonic() + seconds
        while any(relay.exit is None for relay in self._relays) and time.monotonic() < deadline:
            self._take()


def missions_at(places: Sequence[Place], mission: Mission, needs: Needs) -> Iterator[Mission]:
    """For each process of a job its own, by rank; ranks on one node are told of each other, as by torchrun.

    They see the GPUs of all of them, in the order of their local ranks. The port is not known yet.
    """
    if len(places) == 1:
        yield replace(mission, variables=needs.variables(1) | dict(mission.variables))
        return
    here = Counter(place.node for place in places)
    gpus = {
        place.node: [gpu for each in places if each.node == place.node for gpu in each.gpus]
        for place in places
    }
    host = HERE if len(here) == 1 else places[0].address
    seen: Counter[str] = Counter()
    for rank, place in enumerate(places):
        seat = Seat(
            rank=rank,
            size=len(places),
            local_rank=seen[place.node],
            local_size=here[place.node],
            host=host,
            port=0,
        )
        seen[place.node] += 1
        variables: Mapping[str, str] = needs.variables(here[place.node])
        if gpus[place.node]:
            variables = {**variables, VISIBLE_DEVICES: ",".join(gpus[place.node])}
        yield replace(mission, seat=seat, variables={**variables, **mission.variables})


def cause_of(error: BaseException) -> str:
    """What was raised on the node, in a line."""
    return first_line(getattr(error, "cause", None) or error)


def first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _fallen(relays: Sequence[Relay]) -> Exit | None:
    """How one of them ended before it was let go: the first that was killed, or else had no memory, or raised."""
    exits = [relay.exit for relay in relays if relay.exit is not None and relay.exit.code != 0]
    return min(exits, key=lambda end: (end.code >= 0, end.code != OUT_OF_MEMORY_CODE), default=None)


def _lines(piece: bytes) -> bytes:
    """Those that are whole, so that nobody else's come in between; a very long one in parts."""
    return piece if len(piece) >= PIECE_BYTES else piece[: piece.rfind(b"\n") + 1]
