"""Training time: right on a GPU too, and without the pauses."""

import math
import time
from collections.abc import Callable

import torch


class Clock:
    """`now()` in seconds, after everything queued on the device is done; pauses that were discounted are left out."""

    def __init__(self, device: torch.device, read: Callable[[], float] = time.perf_counter) -> None:
        """`read` answers seconds."""
        self._read = read
        self._device = device if device.type == "cuda" else None
        self._discounted = 0.0
        self.deadline: float | None = None  # on this clock; None: there is none

    def now(self) -> float:
        if self._device is not None:
            torch.cuda.synchronize(self._device)
        while True:
            discounted = self._discounted
            now = self._read()
            if discounted == self._discounted:  # else a signal handler has paused us between the two readings
                return now - discounted

    def discount(self, seconds: float) -> None:
        """The last `seconds` were a pause. May be called from a signal handler, at any moment; one at a time."""
        self._discounted += seconds

    def left(self) -> float:
        """Seconds until the deadline; infinity where there is none."""
        return math.inf if self.deadline is None else self.deadline - self.now()
