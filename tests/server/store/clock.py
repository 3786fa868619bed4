"""Time that a test moves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.makers import NOON


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
