"""What a user asks of a job while it runs, and the job's word that it has done it."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from hessianfree_lab.records.jobs import Budget
from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.records.steps import Moment


class Control(Wire):
    """Something asked of a job. Neither `applied_at` nor `error`: it is still to be done."""

    number: int = Field(ge=1, description="Counts from 1 within the run, in the order of asking.")
    kind: Literal["set", "pause", "resume"]
    settings: dict[str, Any] = Field(default_factory=dict, description="Of a `set`: the body of its request.")
    requested_at: Moment
    requested_by: str | None = Field(None, description="Name of the token it was asked with.")
    attempt: int | None = Field(None, description="The attempt that did it; null: no process was needed.")
    step: int | None = Field(None, description="The last step made before it took effect.")
    applied_at: Moment | None = None
    error: str | None = Field(None, description="Why it was not done.")


class Applied(Wire):
    """A control has taken effect, or `error` says why not."""

    number: int = Field(ge=1, le=2**31 - 1)
    step: int = Field(ge=0, le=2**53, description="The last step made before.")
    at: Moment = Field(default_factory=lambda: datetime.now(UTC))
    error: str | None = Field(None, max_length=2_000)


class SetRequest(Wire):
    """Body of POST /jobs/{id}/set: beside `budget` every key is one of the job's `optimizer_params`.

    Of a budget only the limits given change; null lifts one.
    """

    model_config = ConfigDict(extra="allow")

    budget: Budget | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What was given, as plain JSON."""
        return {
            name: value
            for name, value in self.model_dump(mode="json", exclude_unset=True).items()
            if name != "budget" or value
        }
