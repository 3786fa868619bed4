"""From threads that commit to coroutines that wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from hessianfree_lab.store.interface import EVERYTHING


class Subscription:
    """One waiter. Whatever is published after it was opened is remembered until it is waited for."""

    def __init__(self) -> None:
        self._signal = asyncio.Event()

    def notify(self) -> None:
        self._signal.set()

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """Until something was published since the last wait; False when the time ran out first."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._signal.wait()
        except TimeoutError:
            return False
        self._signal.clear()
        return True


class Broadcaster:
    """Wakes the coroutines of one event loop by topic.

    `publish` and `close` may be called from any thread and from a signal handler. After `close` nobody waits any
    longer: every subscription is notified, and who loops looks at `closed`.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscriptions: dict[str, set[Subscription]] = {}
        self.closed = False
        self.published = 0  # commits that its coroutines have heard of

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop whose coroutines wait; what is published before has nobody to wake."""
        self._loop = loop

    def unbind(self) -> None:
        """The loop is about to end; what is published afterwards wakes nobody."""
        self._loop = None

    def publish(self, topics: frozenset[str]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake, topics)

    def close(self) -> None:
        self.closed = True
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake, frozenset({EVERYTHING}))

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """Open before looking at the store, so that nothing committed in between is missed."""
        subscription = Subscription()
        if self.closed:
            subscription.notify()
        for topic in topics:
            self._subscriptions.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                waiting = self._subscriptions[topic]
                waiting.discard(subscription)
                if not waiting:
                    del self._subscriptions[topic]

    def count(self, topic: str) -> int:
        """How many wait for the topic."""
        return len(self._subscriptions.get(topic, ()))

    def _wake(self, topics: frozenset[str]) -> None:
        self.published += 1
        for topic in self._subscriptions if EVERYTHING in topics else topics:
            for subscription in self._subscriptions.get(topic, ()):
                subscription.notify()
