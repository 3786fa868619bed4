"""What lies in a spool between two positions, as one batch for the server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from hessianfree_lab.client.spool import RECORDS, STDERR, STDOUT, Position, Spool
from hessianfree_lab.records import Applied, CGTrace, IngestBatch, Landscape, LogLine, Spectrum, StepRecord

MAX_BYTES = 512 * 1024  # of records in one batch: together with its log lines safely below the server's 1 MiB
LOG_SHARE = 8  # of each output stream in one batch: this part of what records may take
MAX_LINES = (
    1_000  # of each file in one batch: the server counts, and short lines grow most on their way into JSON
)
MAX_TEXT = 8_192  # characters in one LogLine
MAX_LINES_OF_ATTEMPT = 100_000  # the server takes no more
MAX_OUTPUT_BYTES = 32 * 2**20  # of each output stream: more is neither kept nor sent

TOO_MANY_LINES = f"An attempt's log has at most {MAX_LINES_OF_ATTEMPT} lines: the rest is not kept."
TOO_MUCH_OUTPUT = f"An attempt's {{}} is kept up to {MAX_OUTPUT_BYTES // 2**20} MiB: the rest is not."


Stream = Literal["stdout", "stderr", "worker"]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """A batch and the position after it."""

    batch: IngestBatch
    end: Position

    @property
    def holds_records(self) -> bool:
        """Whether there is more than log lines and what the attempt runs in."""
        batch = self.batch
        return bool(batch.steps or batch.cg or batch.spectra or batch.landscape or batch.applied)

    def without_records(self) -> Self:
        """The same extent when its one record is too large for the server: a line of log stands for it."""
        named = [f"the CG trace of step {trace.step}" for trace in self.batch.cg]
        named += [f"the spectrum at step {spectrum.step}" for spectrum in self.batch.spectra]
        what = named[0] if named else "a record"
        text = f"Not recorded: {what} is larger than the server accepts."
        note = LogLine(number=self.end.lines, stream="worker", text=text)
        batch = IngestBatch(attempt=self.batch.attempt, logs=[*self.batch.logs, note])
        return replace(self, batch=batch, end=replace(self.end, lines=self.end.lines + 1))


def next_extent(
    spool: Spool, start: Position, *, max_bytes: int = MAX_BYTES, is_final: bool = False
) -> Extent | None:
    """About `max_bytes` of records after `start`, at least one, with what was printed meanwhile; None: nothing new.

    A line still being written waits for its end; once `is_final` says that nobody writes any more, an unfinished
    line of output counts as a line, an unfinished record is given up: its writer died while it wrote.
    """
    ends = Position(
        records=_end_of_records(spool.directory / RECORDS, start.records, max_bytes),
        stdout=_end_of_output(spool.directory / STDOUT, start.stdout, max_bytes // LOG_SHARE, is_final),
        stderr=_end_of_output(spool.directory / STDERR, start.stderr, max_bytes // LOG_SHARE, is_final),
    )
    if (ends.records, ends.stdout, ends.stderr) == (start.records, start.stdout, start.stderr):
        return None
    return read_extent(spool, start, ends)


def read_extent(spool: Spool, start: Position, stop: Position) -> Extent:
    """Exactly what lies between two positions; the same batch every time."""
    found = _Found()
    for line in _read(spool.directory / RECORDS, start.records, stop.records).splitlines():
        found.add(line)
    texts: list[tuple[Stream, str]] = [
        *(("stdout", text) for text in _texts(_read(spool.directory / STDOUT, start.stdout, stop.stdout))),
        *(("stderr", text) for text in _texts(_read(spool.directory / STDERR, start.stderr, stop.stderr))),
        *(("worker", note) for note in found.notes),
    ]
    for stream, before, after in (
        ("stdout", start.stdout, stop.stdout),
        ("stderr", start.stderr, stop.stderr),
    ):
        if before < after == MAX_OUTPUT_BYTES:
            texts.append(("worker", TOO_MUCH_OUTPUT.format(stream)))
    logs = _numbered(texts, start.lines)
    batch = IngestBatch(
        attempt=spool.attempt,
        steps=found.steps,
        cg=found.traces,
        spectra=found.spectra,
        logs=logs,
        environment=found.environment,
        landscape=found.landscape,
        resumed_from=found.resumed_from,
        applied=found.applied,
    )
    lines = start.lines + len(logs)
    end = Position(records=stop.records, stdout=stop.stdout, stderr=stop.stderr, lines=lines)
    return Extent(batch=batch, end=end)


def _numbered(texts: Sequence[tuple[Stream, str]], first: int) -> list[LogLine]:
    """The texts as lines from number `first` on, as long as the attempt's log has room for them."""
    room = max(MAX_LINES_OF_ATTEMPT - first, 0)
    kept = list(texts[:room])
    if len(texts) >= room > 0:
        kept[-1] = ("worker", TOO_MANY_LINES)
    return [
        LogLine(number=number, stream=stream, text=text)
        for number, (stream, text) in enumerate(kept, start=first)
    ]


class _Found:
    """The records of an extent, sorted by kind."""

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []
        self.traces: list[CGTrace] = []
        self.spectra: list[Spectrum] = []
        self.environment: dict[str, Any] | None = None
        self.landscape: Landscape | None = None
        self.notes: list[str] = []
        self.applied: list[Applied] = []
        self.resumed_from: int | None = None

    def add(self, line: bytes) -> None:
        try:
            ((kind, body),) = json.loads(line).items()
            match kind:
                case "step":
                    self.steps.append(StepRecord.model_validate(body))
                case "cg":
                    self.traces.append(CGTrace.model_validate(body))
                case "spectrum":
                    self.spectra.append(Spectrum.model_validate(body))
                case "landscape":
                    self.landscape = Landscape.model_validate(body)
                case "environment":
                    self.environment = dict(body)
                case "applied":
                    self.applied.append(Applied.model_validate(body))
                case "resumed_from":
                    self.resumed_from = int(body)
                case "note":
                    self.notes.append(str(body)[:MAX_TEXT])
                case _:
                    raise ValueError(f"a record of kind {kind!r}")
        except (ValueError, AttributeError) as error:  # a full disk cuts lines
            self.notes.append(
                f"A record was damaged on its way through the disk and is missing: {error}"[:MAX_TEXT]
            )


def _end_of_records(path: Path, start: int, limit_bytes: int) -> int:
    """The offset after the last complete line within `limit_bytes` of `start`; after the first if it is longer."""
    if _size(path) <= start:
        return start
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(limit_bytes)
        if b"\n" not in data and len(data) == limit_bytes:
            data += file.readline()
    return start + _length_of_lines(data)


def _end_of_output(path: Path, start: int, limit_bytes: int, is_final: bool) -> int:
    """The same for text, whose lines may be cut where they are too long, or where output ends."""
    size = min(_size(path), MAX_OUTPUT_BYTES)
    if size <= start:
        return start
    data = _read(path, start, min(start + limit_bytes, size))
    lines = _length_of_lines(data)
    ends_here = start + len(data) == size and (is_final or size == MAX_OUTPUT_BYTES)
    if lines == 0:
        return start + len(data) if ends_here or len(data) == limit_bytes else start
    if ends_here and data.count(b"\n") < MAX_LINES:
        return start + len(data)
    return start + lines


def _length_of_lines(data: bytes) -> int:
    """Bytes of the complete lines in `data`, the first `MAX_LINES` at most."""
    length = 0
    for _ in range(MAX_LINES):
        newline = data.find(b"\n", length)
        if newline < 0:
            break
        length = newline + 1
    return length


def _texts(data: bytes) -> list[str]:
    """Lines as a person would see them: what a carriage return overwrote is gone, long ones are cut into several."""
    texts = []
    for raw in data.decode(errors="replace").replace("\0", "").split("\n"):
        line = raw.rstrip("\r").rpartition("\r")[2]
        texts += [line[at : at + MAX_TEXT] for at in range(0, max(len(line), 1), MAX_TEXT)]
    return texts[:-1] if data.endswith(b"\n") or not data else texts


def _read(path: Path, start: int, stop: int) -> bytes:
    if stop <= start:
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
