"""What the ranks do that rank 0 tells."""

from collections.abc import Callable

from hessianfree_lab.training.progress import Progress
from hessianfree_lab.training.ranks import Ranks
from hessianfree_lab.training.session import Session
from hessianfree_lab.training.state import State

Newest = Callable[[int], tuple[State | None, list[str]]]
"""The newest checkpoint up to a step, and what is wrong with newer ones."""


def follow(session: Session, ranks: Ranks, newest: Newest) -> None:
    """Do with a session what rank 0 does with its own, but for all that is recorded."""
    for word in ranks.words():
        match word["what"]:
            case "step":
                session.task.next_batch()
                session.driver.step(Progress(**word["progress"]))
            case "apply":
                session.apply(word["settings"])
            case "restore":
                state, complaints = newest(word["step"])
                if state is None or state.step != word["step"]:
                    raise RuntimeError(
                        f"rank 0 goes on from step {word['step']}, not found here: {complaints}"
                    )
                session.restore(state)
            case other:
                raise AssertionError(f"rank 0 said {other!r}")
