"""Commands that a worker has been sent and may have missed."""

import time
from collections.abc import Sequence

from hessianfree_lab.records import Command

_Key = tuple[str, int, str, int | None]


class Reminders:
    """When which command was last sent.

    A command stands until the worker has carried it out. A heartbeat is answered at once for one that is new, or
    that was sent a while ago and may have been lost; in between it waits, or worker and server would do nothing but
    exchange heartbeats until the job has ended.
    """

    _AGAIN_SECONDS = 2.0

    def __init__(self) -> None:
        self._sent: dict[_Key, float] = {}

    def are_due(self, commands: Sequence[Command]) -> bool:
        now = time.monotonic()
        return any(
            now - self._sent.get(_key(command), -self._AGAIN_SECONDS) >= self._AGAIN_SECONDS
            for command in commands
        )

    def note(self, commands: Sequence[Command]) -> None:
        now = time.monotonic()
        self._sent = {key: sent for key, sent in self._sent.items() if now - sent < self._AGAIN_SECONDS}
        self._sent |= dict.fromkeys(map(_key, commands), now)


def _key(command: Command) -> _Key:
    return command.run, command.attempt, command.kind, command.number
