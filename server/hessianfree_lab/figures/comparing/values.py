"""What can be said of a run in one number."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hessianfree_lab.figures.axes import X_TITLES, metric_title
from hessianfree_lab.records import Run
from hessianfree_lab.records.scalars import to_float

OF_SUMMARY = {"min": "lowest", "last": "last", "max": "highest", "first": "first"}
COUNTED = ("gradient_equivalents", "curvature_products", "examples")
"""Running totals at a run's end."""


def value_of(run: Run, key: str, totals: Mapping[str, float | None]) -> float | None:
    """The number called `key`; None where the run has none that is finite.

    `key`: `<metric>.min`, `.last`, `.max`, `.first`; `seconds`, `steps`; `elapsed` or one of `COUNTED`, which `totals`
    has; or the dotted path of a setting: `optimizer_params.damping`.
    """
    if key == "seconds":
        return _finite(run.progress.seconds)
    if key == "steps":
        return _finite(run.progress.step)
    if key in (*COUNTED, "elapsed"):
        return _finite(totals.get(key))
    metric, _, which = key.rpartition(".")
    if which in OF_SUMMARY and metric in run.summary:
        return _finite(getattr(run.summary[metric], which))
    return _finite(setting(run.spec, key))


def value_keys(runs: Sequence[Run], metrics: Sequence[str]) -> list[str]:
    """What to choose from: what runs cost, what they measured, and the numbers among the settings they differ in."""
    given = [dict(settings(run.spec)) for run in runs]
    paths = dict.fromkeys(path for of_run in given for path in of_run)
    differing = [
        path for path in paths if len({n for of in given if (n := _finite(of.get(path))) is not None}) > 1
    ]
    measured = [f"{metric}.{which}" for metric in metrics for which in ("min", "last", "max")]
    return ["seconds", "elapsed", "steps", *COUNTED, *measured, *differing]


def setting(spec: Mapping[str, Any], path: str) -> Any:
    """The setting at a dotted path; None where there is none. A key that has dots itself is found, too."""
    if path in spec:
        return spec[path]
    for key, inner in spec.items():
        if path.startswith(f"{key}.") and isinstance(inner, Mapping):
            found = setting(inner, path[len(key) + 1 :])
            if found is not None:
                return found
    return None


def settings(spec: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its dotted path; lists are whole."""
    for key, value in spec.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def title_of(key: str) -> str:
    """How an axis names the value."""
    if key == "steps":
        return "Steps"
    if key in X_TITLES:
        return X_TITLES[key]
    metric, _, which = key.rpartition(".")
    return f"{metric_title(metric)} ({OF_SUMMARY[which]})" if which in OF_SUMMARY and metric else key


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = to_float(value)
    return number if math.isfinite(number) else None
