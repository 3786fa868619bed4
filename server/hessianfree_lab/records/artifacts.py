"""Files that belong to a run."""

from pydantic import Field

from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.records.steps import Moment


class Artifact(Wire):
    """One file of a run."""

    path: str = Field(description="Within the run, parts separated by slashes.")
    bytes: int
    modified: Moment
