"""What a filter means, said again in plain Python over records of runs: what every database must agree with."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hessianfree_lab.records import Run, decode, encode
from hessianfree_lab.store.columns import dump_json
from hessianfree_lab.store.filters import And, Comparison, Node, Not, Or, Value

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
ENDINGS = {
    "first": "first",
    "last": "last",
    "min": "min",
    "max": "max",
    "best": "min",
    "best_step": "best_step",
}
TEXTS = ("name", "problem", "optimizer", "cause", "kind", "notes", "error", "id")
NUMBERS = ("step", "steps", "seconds", "progress", "attempt", "priority")
TIMES = ("created", "started", "ended")
LARGEST = 1.7e308


def passes(node: Node, run: Run, now: datetime) -> bool:
    match node:
        case And(parts=parts):
            return all(passes(part, run, now) for part in parts)
        case Or(parts=parts):
            return any(passes(part, run, now) for part in parts)
        case Not(part=part):
            return not passes(part, run, now)
        case Comparison(operator="!="):
            return not _holds(node.name, "=", node.value, run, now)
        case Comparison():
            return _holds(node.name, node.operator, node.value, run, now)


def _holds(name: str, sign: str, value: Value, run: Run, now: datetime) -> bool:
    is_null = not value.quoted and value.text in ("null", "missing")
    found = _found(name, run)
    if is_null:
        return found is None or found == []
    if found is None:
        return False
    if name == "tag":
        return any(_text(tag, sign, value.text) for tag in found)
    if name == "state":
        return value.text in _words(run)
    if name in ("archived", "pinned"):
        return found is (value.text == "true")
    if name in TIMES:
        return _compare(found, sign, _moment(value.text, now))
    if name in TEXTS:
        return _text(found, sign, value.text)
    if name in NUMBERS or name.rpartition(".")[2] in ENDINGS:
        return _compare(decode(found), sign, float(value.text))
    return _of_setting(found, sign, value)


def _found(name: str, run: Run) -> Any:
    own = {
        "id": run.id, "name": run.name, "problem": run.spec["problem"], "optimizer": run.spec["optimizer"],
        "state": run.state, "cause": run.cause, "tag": run.tags, "kind": run.kind, "notes": run.notes,
        "error": run.error, "step": run.progress.step, "steps": run.progress.steps,
        "seconds": run.progress.seconds, "attempt": run.attempt, "priority": run.priority,
        "progress": run.progress.step / run.progress.steps if run.progress.steps else None,
        "archived": run.archived, "pinned": run.pinned,
        "created": run.created_at, "started": run.started_at, "ended": run.ended_at,
    }  # fmt: skip
    if name in own:
        return own[name]
    metric, _, ending = name.rpartition(".")
    if metric and ending in ENDINGS:
        return getattr(run.summary.get(metric), ENDINGS[ending], None)
    value: Any = run.spec
    for part in name.removeprefix("spec.").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _words(run: Run) -> set[str | None]:
    shown = set()
    if run.state == "running":
        waiting = run.stop_requested or run.pause_requested
        shown = {
            "stopping" if run.stop_requested else "pausing" if waiting else "stale" if run.stale else None
        }
    return {run.state, run.cause if run.state == "failed" else None} | shown


def _of_setting(found: Any, sign: str, value: Value) -> bool:
    number = None if value.quoted else _number(value.text)
    written = dump_json(found) if isinstance(found, list | dict) else found
    if sign == ":":
        return isinstance(written, str) and _text(written, sign, value.text)
    if sign == "=" and not value.quoted and value.text in ("true", "false"):
        return found is (value.text == "true")
    if number is None:
        return isinstance(written, str) and written == value.text
    if sign == "=" and not math.isfinite(number):
        return bool(found == encode(number))
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < LARGEST
    return is_number and _compare(found, sign, number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(found: str, sign: str, wanted: str) -> bool:
    return wanted.lower() in found.lower() if sign == ":" else found == wanted


def _compare(found: Any, sign: str, wanted: Any) -> bool:
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(found, float) and math.isnan(found)
    match sign:
        case "=":
            return bool(found == wanted)
        case "<":
            return bool(found < wanted)
        case "<=":
            return bool(found <= wanted)
        case ">":
            return bool(found > wanted)
        case _:
            return bool(found >= wanted)


def _moment(text: str, now: datetime) -> datetime:
    for unit, seconds in UNITS.items():
        if text.removesuffix(unit).isdigit():
            return now - timedelta(seconds=int(text.removesuffix(unit)) * seconds)
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
