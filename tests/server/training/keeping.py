"""A small job and its checkpoints."""

from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.session import Session
from server.training.resumption import facts

SPEC = JobSpec(problem="quadratic", optimizer="adam", budget={"steps": 100})


def saved(checkpoints, *steps, attempt=1):
    """Checkpoints of these steps; answers the session that made them."""
    session = Session(SPEC)
    for step in steps:
        facts(session, step - session.step)
        checkpoints.save(session.state(), attempt=attempt)
    return session


def newest_step(checkpoints, **which):
    state, complaints = checkpoints.newest(**which)
    assert complaints == []
    return state and state.step
