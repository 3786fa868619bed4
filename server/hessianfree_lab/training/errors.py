"""How a training session ends early, or cannot be taken up. A spec that cannot be built is an `InvalidRequest`."""

from hessianfree_lab.errors import LabError


class Diverged(LabError):
    """The loss became NaN or infinite at `step`."""

    def __init__(self, step: int, metric: str, value: float) -> None:
        super().__init__(f"Diverged: {metric} is {value} at step {step}.")
        self.step = step


class CheckpointRefused(LabError):
    """A checkpoint is damaged, or not of this job; the text says which, and fits after a colon."""
