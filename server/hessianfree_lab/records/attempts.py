"""One attempt at a job, as the API shows it."""

from pydantic import Field

from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.records.steps import Moment


class AttemptInfo(Wire):
    """An attempt; without `ended_at` it is under way."""

    number: int
    worker: str | None = Field(None, description="Id of its worker; null: a script.")
    started_at: Moment
    ended_at: Moment | None = None
    outcome: str | None = Field(
        None, description="completed, failed, cancelled, interrupted or lost; null: under way."
    )
    cause: str | None = None
    error: str | None = None
    first_step: int | None = Field(None, description="The lowest step it recorded.")
    resumed_from: int | None = Field(
        None, description="The step of the checkpoint it began from; null: from the beginning."
    )
