"""How the processes of an installation speak: in plain lines, or in JSON that says which run a line is about."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

LogFormat = Literal["text", "json"]

_ABOUT = ("run", "attempt", "worker", "url")
"""What a line may be about: keys of its JSON, and of logging's `extra`."""
_OURS = logging.getLogger("hessianfree_lab")


class Say(Protocol):
    """Says a sentence; `about` has what it is about, under the names of `_ABOUT`."""

    def __call__(self, text: str, **about: Any) -> None: ...


def print_plainly(text: str, **about: Any) -> None:  # noqa: ARG001 (it is in the text)
    """On standard output, at once."""
    print(text, flush=True)


def set_up(log_format: LogFormat) -> Say:
    """Let this process speak so, and answer how it says what is no warning. To be called once, when it starts.

    Text: sentences on standard output, warnings on standard error. JSON: everything on standard output, a line each.
    """
    if log_format == "text":
        return print_plainly
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    _OURS.setLevel(logging.INFO)
    return _log


class JsonLines(logging.Formatter):
    """`{time, level, logger, message}`, and what the line is about; of an exception its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in _ABOUT:
            if (value := getattr(record, name, None)) is not None:
                entry[name] = value
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def _log(text: str, **about: Any) -> None:
    _OURS.info("%s", text, extra=about)
