"""Time that is right on a GPU too."""

import time

import torch


class Clock:
    """`now()` in seconds, after everything queued on the device is done."""

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None

    def now(self) -> float:
        if self._device is not None:
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
