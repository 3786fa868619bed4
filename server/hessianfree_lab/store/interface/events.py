"""What has changed, for those who wait for it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Protocol

EVENTS = "events"
"""Topic: there are new events."""
QUEUE = "queue"
"""Topic: a job may be there for the taking."""
REMOVALS = "removals"
"""Topic: a run was removed, and what it recorded is to be cleared."""
REVOCATIONS = "revocations"
"""Topic: a token has been revoked."""
SWEEPS = "sweeps"
"""Topic: a sweep has begun, or a run of one has come to another state."""


EVERYTHING = "*"
"""Topic: whatever may have been published meanwhile was not heard."""


def commands_for(worker_id: str) -> str:
    """Topic: this worker has something to do, or to drop."""
    return f"commands:{worker_id}"


Listener = Callable[[frozenset[str]], None]
"""Called with the topics of every committed write, in the thread that wrote; must not block or raise."""

Duties = Callable[[], Coroutine[Any, Any, None]]
"""What one server of a database does for all of them, until it is cancelled."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One message of the event stream. `data` is plain JSON, non-finite numbers as their wire strings."""

    id: int
    kind: Literal["run", "steps", "logs", "removed", "workers", "sweep"]
    data: dict[str, Any]


class Events(Protocol):
    """Committed changes: as events, and at once to those who listen."""

    def last_event_id(self) -> int:
        """Id of the latest committed event; 0: none yet."""
        ...

    def events(self, after: int, *, runs: frozenset[str] | None = None, limit: int = 200) -> list[Event]:
        """What was committed after event `after`, oldest first, out of the next `limit` events.

        Neighbouring events about one thing come as one, as it is now, under the id of the last. `runs` None: of
        every run, but without steps and logs.
        """
        ...

    def has_all_events_since(self, after: int) -> bool:
        """Whether nothing that came after event `after` has been dropped.

        Of steps, logs and removed runs the latest events are kept; the latest of each run always is.
        """
        ...

    def subscribe(self, listener: Listener) -> None:
        """Have it called with what this store commits; what others commit is told by `peers`."""
        ...


class OtherServers(Protocol):
    """The servers that share the database with this one, if there can be any."""

    async def attend(self, hear: Listener, duties: Duties) -> None:
        """Until cancelled: call `hear` with the topics of what the others commit, and do the duties while they are
        this server's, which they are of one at a time."""
        ...
