"""Options of problems and optimizers: pydantic models on the worker, JSON Schema for everybody else."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Budget


class Params(BaseModel):
    """Base of all option models. Every field has a default, bounds where it needs them, and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def faults(self, budget: Budget, path: str) -> Sequence[Fault]:  # noqa: ARG002 (for those that depend on it)
        """Why a job of these options, found below `path`, cannot have this budget."""
        return []


P = TypeVar("P", bound=BaseModel)


def parse(model: type[P], values: Mapping[str, Any], *, path: str) -> P:
    """`values` as a `model`. Raises `InvalidRequest` naming every fault below `path`."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        faults = [
            Fault(
                path=".".join([path, *map(str, fault["loc"])]),
                message=f"{'.'.join([path, *map(str, fault['loc'])])} = {fault['input']!r}: {fault['msg']}.",
            )
            for fault in error.errors()
        ]
        raise InvalidRequest(faults) from None


def schema(model: type[Params]) -> dict[str, Any]:
    """The model's JSON Schema."""
    return model.model_json_schema()
