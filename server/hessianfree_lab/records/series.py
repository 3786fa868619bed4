"""A run's series as the store reads them and figures draw them."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Series:
    """Columns of one run: `x`, `steps` and every list in `values` have one entry a row, in order of step.

    `x` holds what was asked for: steps, seconds, RFC 3339 times, or the running total of a metric that counts. Values
    are floats (NaN and infinities as such), bools, strings, or None where the step has no such metric. `total` rows
    lie in the range asked for; `sampled` says that fewer are here.
    """

    x_name: str
    x: list[float | str]
    steps: list[int]
    values: dict[str, list[float | bool | str | None]] = field(default_factory=dict)
    total: int = 0
    sampled: bool = False
