"""Runs that have something in common."""

import json
from collections.abc import Sequence
from typing import Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.comparing.comparison import Group
from hessianfree_lab.figures.comparing.values import setting, settings
from hessianfree_lab.records import Run

OWN = ("problem", "optimizer", "tag", "state", "name", "sweep", "seed")
_LABELS = {"name", "notes", "tags", "problem", "optimizer", "seed"}
LONGEST = 60


def group_by(runs: Sequence[Run], key: str) -> tuple[Group, ...]:
    """The runs by their value of `key`, in the order in which the values first come; each has a colour of its own.

    `key`: one of `OWN`, or the dotted path of a setting. A run's tags together are one value.
    """
    found: dict[str, list[str]] = {}
    for run in runs:
        found.setdefault(label_of(run, key), []).append(run.id)
    colours = palette.assign([0] * len(found))
    return tuple(
        Group(name=name, colour=colour, runs=tuple(ids))
        for (name, ids), colour in zip(found.items(), colours, strict=True)
    )


def label_of(run: Run, key: str) -> str:
    """The run's value of `key` in words."""
    if key == "tag":
        return ", ".join(sorted(run.tags)) or "no tag"
    value = getattr(run, key) if key in ("state", "name", "sweep") else setting(run.spec, key)
    text = _text(value)
    said = text if key in ("problem", "optimizer", "name", "state") else f"{key.rpartition('.')[2]} {text}"
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def keys_of(runs: Sequence[Run]) -> list[str]:
    """What the runs can be grouped by: all that they do not have in common and not each for itself alone."""
    paths = dict.fromkeys(path for run in runs for path, _ in settings(run.spec) if path not in _LABELS)
    useful = []
    for key in (*OWN, *paths):
        values = {label_of(run, key) for run in runs}
        if 1 < len(values) < len(runs) or (key in ("problem", "optimizer") and len(values) > 1):
            useful.append(key)
    return useful


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)
