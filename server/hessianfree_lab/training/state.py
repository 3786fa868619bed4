"""Where a session stands between two steps."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hessianfree_lab.records import JobSpec

_DECIDING = {"problem", "problem_params", "optimizer", "optimizer_params", "seed", "dtype"}


@dataclass(frozen=True, kw_only=True)
class State:
    """All that the steps to come depend on: a snapshot, which later steps leave as it is.

    `plain` and `tensors` are a tree as `trees.flattened` takes it apart. `fingerprint` says which job it is of.
    """

    step: int
    seconds: float  # of training
    fingerprint: str
    plain: Any
    tensors: Mapping[str, Tensor]


def fingerprint(spec: JobSpec) -> str:
    """The same for two specs whose sessions may take up each other's state: SHA-256 of what decides over the numbers.

    Budget, device and what is recorded may differ.
    """
    deciding = spec.model_dump(mode="json", include=_DECIDING)
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()
