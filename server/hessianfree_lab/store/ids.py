"""Ids that sort by age."""

import secrets
import threading
import time
from uuid import UUID

_RANDOM_BITS = 74


class IdFactory:
    """UUIDv7 [RFC 9562, 5.7], strictly increasing within one factory [6.2, method 2].

    The 74 bits after the timestamp are drawn at random once a millisecond and counted up within it; a clock that
    is set back does not bring ids back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._tail = 0

    def __call__(self) -> str:
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                # The top bit is left free: there is room to count up.
                self._millisecond, self._tail = now, secrets.randbits(_RANDOM_BITS - 1)
            else:
                self._tail += 1 + secrets.randbits(16)
                if self._tail >> _RANDOM_BITS:
                    self._millisecond, self._tail = self._millisecond + 1, secrets.randbits(_RANDOM_BITS - 1)
            return str(_layout(self._millisecond, self._tail))


def _layout(millisecond: int, tail: int) -> UUID:
    """48 bits of time, version 7, 12 bits of `tail`, variant 2, its other 62 bits."""
    high, low = tail >> 62, tail & ((1 << 62) - 1)
    return UUID(int=(millisecond << 80) | (7 << 76) | (high << 64) | (2 << 62) | low)
