"""How long to wait before trying again."""

import random


class Backoff:
    """Doubling waits up to a longest one, each cut at random by up to half: many clients do not knock together."""

    def __init__(self, *, first_seconds: float = 0.1, longest_seconds: float = 10.0) -> None:
        self.first_seconds = first_seconds
        self.longest_seconds = longest_seconds
        self.failures = 0

    def next_seconds(self) -> float:
        """The wait after one more failure."""
        # 2.0 ** 30 is beyond every cap; a larger exponent would overflow after a night of failures.
        wait: float = min(self.first_seconds * 2.0 ** min(self.failures, 30), self.longest_seconds)
        self.failures += 1
        return wait * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        self.failures = 0
