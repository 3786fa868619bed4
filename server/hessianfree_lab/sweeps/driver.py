"""Gives every running sweep its next trials, and ends it when it has all it wanted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from hessianfree_lab.errors import DatabaseUnavailable, LabError, SweepNotFound
from hessianfree_lab.records.spaces import Params
from hessianfree_lab.records.sweeps import Trial
from hessianfree_lab.store.interface import Store
from hessianfree_lab.store.sweeps import NewTrial, Underway
from hessianfree_lab.sweeps.configurations import grid, jobs_of
from hessianfree_lab.sweeps.pruning import judge
from hessianfree_lab.sweeps.study import propose

logger = logging.getLogger(__name__)

TPE_PARALLEL = 4
"""Trials at a time where the sweep does not say: an estimator learns nothing from what has not ended."""
_AT_ONCE = 250
"""Trials added in one transaction: other writers get their turn in between."""
_PERIOD_SECONDS = 10.0
"""Between two looks when nothing is heard; after a start the first one comes at once."""
_PRUNING_SECONDS = 2.0
"""The same while a sweep prunes: nobody says that a run has come to a rung, for every step would have to."""
_PAUSE_SECONDS = 0.1
"""After a look: what happens meanwhile is seen together."""

_SENSELESS = (ArithmeticError, LookupError, TypeError, ValueError, LabError)
"""What making a trial raises where there is no sense in what is asked for: of the same history it will again."""
_LONGEST_REASON = 1_000


class Driver:
    """Drives the sweeps of a store. It keeps nothing in mind: every look goes on from what is stored.

    Two that drive one store do no harm: a trial's number is given once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self, news: Callable[[float], Awaitable[object]]) -> None:
        """Look at once, and whenever `news`, which waits so many seconds at most, says so; until cancelled.

        Whatever goes wrong is logged, and tried again.
        """
        while True:
            period = _PERIOD_SECONDS
            try:
                if await asyncio.to_thread(self.look):
                    period = _PRUNING_SECONDS
            except DatabaseUnavailable as error:
                logger.warning("Sweeps could not be driven: %s", error)
            except Exception:
                logger.exception("Sweeps could not be driven")
            await asyncio.sleep(_PAUSE_SECONDS)
            await news(period)

    def look(self) -> bool:
        """Bring every running sweep up to date; one that cannot be does not keep the others from it.

        One whose next trials cannot be made now cannot be helped later: it ends as failed. True: one of them prunes,
        and wants to be looked at again soon.
        """
        pruning = [sweep for sweep in self._store.sweeps.running() if sweep.spec.search.pruning is not None]
        for sweep in pruning:
            self._attempt(self._prune, sweep)
        for sweep in self._store.sweeps.running():  # as they are now: what was pruned may have made room
            self._attempt(self._advance, sweep)
        return bool(pruning)

    def _attempt(self, action: Callable[[Underway], None], sweep: Underway) -> None:
        """What goes wrong stays with this sweep; `DatabaseUnavailable` concerns all."""
        try:
            action(sweep)
        except DatabaseUnavailable:
            raise
        except SweepNotFound:
            return  # removed meanwhile
        except _SENSELESS as error:
            logger.exception("Sweep %s cannot go on", sweep.id)
            reason = " ".join(str(error).split()) or type(error).__name__
            self._store.sweeps.fail(sweep.id, f"No more trials could be made: {reason[:_LONGEST_REASON]}")
        except Exception:
            logger.exception("Sweep %s could not be driven", sweep.id)

    def _prune(self, sweep: Underway) -> None:
        """End the trials that have come to a rung and are not among the best there."""
        if due := self._store.sweeps.due(sweep.id):
            known = self._store.sweeps.judged(sweep.id)
            self._store.sweeps.judge(sweep.id, judge(sweep.spec, known, due))

    def _advance(self, sweep: Underway) -> None:
        """Add trials until enough are open or all are there; end the sweep when nothing more is to come."""
        if self._is_over(sweep):
            self._store.sweeps.complete(sweep.id)
            return
        while room := _room(sweep):
            new = self._next(sweep, room)
            if not self._store.sweeps.add_trials(sweep.id, new):
                return
            sweep = replace(sweep, asked=sweep.asked + len(new), open=sweep.open + len(new))

    def _is_over(self, sweep: Underway) -> bool:
        if sweep.asked >= sweep.total and sweep.open == 0:
            return True
        has_target = sweep.spec.objective.target is not None
        return has_target and self._store.sweeps.get(sweep.id).reached_target

    def _next(self, sweep: Underway, room: int) -> list[NewTrial]:
        """The trials to add now: a grid's many at once, of a sampler's one after the other."""
        spec, first = sweep.spec, sweep.asked
        match spec.search.method:
            case "grid":
                asked = list(grid(spec.search.space, first, first + min(room, _AT_ONCE)))
            case "random":
                asked = [propose(spec, (), first + place) for place in range(min(room, _AT_ONCE))]
            case "tpe":
                asked = self._estimated(sweep, min(room, TPE_PARALLEL))
        return [
            NewTrial(number=number, params=params, jobs=jobs_of(spec, sweep.name, number, params))
            for number, params in enumerate(asked, start=first)
        ]

    def _estimated(self, sweep: Underway, count: int) -> list[Params]:
        """What an estimator proposes, each as if those before were queued already, as they are about to be."""
        _, trials = self._store.sweeps.study(sweep.id)
        for number in range(sweep.asked, sweep.asked + count):
            params = propose(sweep.spec, trials, number)
            trials.append(Trial(number=number, params=params, state="queued", runs=[]))
        return [trial.params for trial in trials[sweep.asked :]]


def _room(sweep: Underway) -> int:
    """How many trials may be added now."""
    spec = sweep.spec
    parallel = spec.parallel or (TPE_PARALLEL if spec.search.method == "tpe" else sweep.total)
    return max(0, min(sweep.total - sweep.asked, parallel - sweep.open))
