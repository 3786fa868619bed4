"""How far a job is."""

from dataclasses import dataclass

from hessianfree_lab.records import Budget


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a step begins: after so many others, and with such a share of the budget spent.

    Of limits in steps and in seconds the one that is further counts; None: there is neither.
    """

    steps: int = 0
    spent: float | None = 0.0

    @classmethod
    def within(cls, budget: Budget, *, steps: int, seconds: float) -> "Progress":
        limits = ((steps, budget.steps), (seconds, budget.seconds))
        shares = [done / limit for done, limit in limits if limit is not None]
        return cls(steps=steps, spent=min(1.0, max(shares)) if shares else None)

    def share(self, steps: int | None) -> float:
        """How much of so many steps is over, 0 to 1; None: of the budget, of which nothing ever is without limits."""
        return (self.spent or 0.0) if steps is None else min(1.0, self.steps / steps)
