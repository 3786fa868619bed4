"""The metrics of a step: most of what the server ever reads."""

import re
from functools import lru_cache
from typing import Annotated, Any

from pydantic import StringConstraints, ValidatorFunctionWrapHandler, WrapValidator

from hessianfree_lab.records.scalars import Scalar, decode

_NAME = r"^[A-Za-z_][\w.\-/]{0,99}$"
_ASCII_NAME = re.compile(_NAME, re.ASCII)  # two engines may differ on what else is a letter
_NUMBERS = frozenset({bool, int, float, type(None)})
_MOST = 500

MetricName = Annotated[str, StringConstraints(pattern=_NAME)]


@lru_cache(maxsize=10_000)
def _is_name(name: str) -> bool:
    return _ASCII_NAME.fullmatch(name) is not None


def _as_they_are(metrics: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Plain values under known names need no check one by one, which would cost ten times the parsing.

    Anything else is left to pydantic, which says what is wrong with it.
    """
    if type(metrics) is not dict or len(metrics) > _MOST or not all(map(_is_name, metrics)):
        return check(metrics)
    types = set(map(type, metrics.values()))
    if types <= _NUMBERS:
        return metrics
    if types <= _NUMBERS | {str}:
        return {name: decode(value) if type(value) is str else value for name, value in metrics.items()}
    return check(metrics)


Metrics = Annotated[dict[MetricName, Scalar], WrapValidator(_as_they_are)]
