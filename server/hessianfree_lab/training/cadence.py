"""How often to do what is no training."""

from collections.abc import Mapping


class Cadence:
    """As often as `share` of the training time allows: at every step where steps are long."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._last_at = 0.0
        self._cost = 0.0

    def is_due(self, seconds: float) -> bool:
        """Whether it is time again after so many seconds of training."""
        return self._cost <= self._share * (seconds - self._last_at)

    def done(self, seconds: float, *, cost: float) -> None:
        """It was done at `seconds`, and took `cost` seconds."""
        self._last_at, self._cost = seconds, cost

    def state(self) -> dict[str, float]:
        return {"last_at": self._last_at, "cost": self._cost}

    def restore(self, state: Mapping[str, float]) -> None:
        self._last_at, self._cost = state["last_at"], state["cost"]
