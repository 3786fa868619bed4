"""A lock that is given in the order in which it was asked for."""

import threading
from collections import deque


class Turns:
    """As `threading.Lock` for `with`, but fair: under load a heartbeat gets its turn between two batches of records,
    where a plain lock would be taken again by the thread that has just let go of it.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()  # handed over: it stays taken
            else:
                self._is_taken = False
