"""Where time and memory go."""

from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.record import Floats, Record
from hessianfree_lab.findings.words import megabytes, number, seconds, share, shown_by, span

LATELY = 200
FEWEST = 20
IDLE_SHARE = 0.5
IDLE_SECONDS = 30.0
"""Of idling altogether: less is nobody's concern."""

SEARCH_STEPS = 20
SEARCH_SHARE = 0.5
SEARCH_SECONDS = 5.0

MEMORY_STEPS = 50
PARTS = 5
GROWN_SHARE = 0.2
GROWN_BYTES = 64 * 2**20


def find(record: Record) -> Iterator[Finding]:
    """Idling between steps, time spent searching, memory that grows."""
    yield from _idle(record)
    yield from _search(record)
    yield from _memory(record)


def _idle(record: Record) -> Iterator[Finding]:
    recent = record.recent
    moments, steps = recent.moments[-LATELY:], recent.steps[-LATELY:]
    if len(steps) <= FEWEST:
        return
    passed = np.diff(moments)
    trained = _trained(record)[-LATELY:][1:]
    counted = (passed > 0) & np.isfinite(trained) & (np.diff(steps) == 1)
    for interruption in record.interruptions:
        counted &= (moments[1:] < interruption.begin) | (moments[:-1] > interruption.end)
    if counted.sum() < FEWEST:
        return
    # One gap may be a machine that slept: without the longest it must still be so.
    order = np.argsort(passed[counted] - trained[counted])[:-1]
    whole = float(passed[counted][order].sum())
    idle = float(np.maximum(passed[counted] - trained[counted], 0)[order].sum())
    if idle < max(IDLE_SECONDS, IDLE_SHARE * whole):
        return
    first, last = int(steps[0]), int(steps[-1])
    yield Finding(
        kind="idle",
        severity=Severity.WARNING,
        title="The device idles between steps",
        text=(
            f"In {span(first, last)} {seconds(idle)} of {seconds(whole)} ({share(idle / whole)}) passed without "
            f"training, {seconds(idle / len(order))} between two steps on average. Look at what happens there: "
            "loading data, evaluating on held-out data, spectra, writing files."
        ),
        evidence=shown_by(first, last, "time-split"),
    )


def _trained(record: Record) -> Floats:
    """Seconds of training in each recent step: of a job on its clock, of a script what its optimizer reported."""
    recent = record.recent
    if record.is_job:
        return np.diff(recent.seconds, prepend=np.nan)
    parts = [record.column(name) for name in ("seconds_gradient", "seconds_cg", "seconds_search")]
    found = np.full(len(recent.steps), np.nan)
    if all(len(part) for part in parts):
        steps, values = record.together("seconds_gradient", "seconds_cg", "seconds_search")
        there = np.isin(recent.steps, steps)
        found[there] = np.sum(values, axis=0)[np.searchsorted(steps, recent.steps[there])]
    return found


def _search(record: Record) -> Iterator[Finding]:
    steps, values = record.together("seconds_gradient", "seconds_cg", "seconds_search")
    if len(steps) < SEARCH_STEPS:
        return
    sums = [float(part[-SEARCH_STEPS:].sum()) for part in values]
    whole, search = sum(sums), sums[2]
    if not whole > 0 or search < SEARCH_SHARE * whole or search < SEARCH_SECONDS:
        return
    first, last = int(steps[-SEARCH_STEPS]), int(steps[-1])
    trials = record.column("loss_evaluations").since(first)
    often = f", {number(float(np.median(trials.values)))} losses a step," if len(trials) else ""
    yield Finding(
        kind="search-time",
        severity=Severity.WARNING,
        title="Most of the time goes into searching along steps",
        text=(
            f"In {span(first, last)} choosing an iterate and its length{often} took {seconds(search)}, "
            f"{share(search / whole)} of the time; the solves themselves took {seconds(sums[1])}. More damping "
            "makes the first trial succeed; without CG backtracking fewer losses are evaluated."
        ),
        evidence=shown_by(first, last, "step-scale", "cg-iterations"),
    )


def _memory(record: Record) -> Iterator[Finding]:
    memory = record.column("peak_memory_bytes").finite
    if len(memory) < MEMORY_STEPS:
        return
    # The first part fills caches; what grows in every part after it will go on growing.
    bounds = np.linspace(0, len(memory) - 1, PARTS + 1).astype(int)[1:]
    sizes = memory.values[bounds]
    grown = float(sizes[-1] - sizes[0])
    if not (np.diff(sizes) > 0.02 * sizes[0]).all() or grown < max(
        GROWN_SHARE * float(sizes[0]), GROWN_BYTES
    ):
        return
    first, last = int(memory.steps[bounds[0]]), int(memory.steps[-1])
    yield Finding(
        kind="memory-grows",
        severity=Severity.WARNING,
        title="The memory in use keeps growing",
        text=(
            f"From {megabytes(float(sizes[0]))} at step {first} to {megabytes(float(sizes[-1]))} at step {last}, "
            f"about {megabytes(grown / (last - first) * 1000)} in a thousand steps. Something of every step is "
            "kept: look for losses or outputs that are collected with their graphs (`.item()` or `.detach()` "
            "lets them go)."
        ),
        evidence=shown_by(first, last, "memory"),
    )
