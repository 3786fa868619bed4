"""Paths of files within a run: which stay where they are put, on whatever system."""

import re

from hessianfree_lab.errors import Fault, InvalidRequest

MAX_PARTS = 16
MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 200
# What some system takes for a device, a stream or another name: a folder is to be readable wherever it is copied to.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def checked(path: str) -> tuple[str, ...]:
    """The parts of a path that stays where it is put; `InvalidRequest` for any other."""
    parts = tuple(path.split("/"))
    fault = _fault(path, parts)
    if fault is not None:
        raise InvalidRequest([Fault("path", f"path is {path[:100]!r}; {fault}.")])
    return parts


def _fault(path: str, parts: tuple[str, ...]) -> str | None:
    if _FORBIDDEN.search(path):
        return 'it must not contain control characters or any of < > : " | ? * \\'
    if len(path.encode()) > MAX_PATH_BYTES or len(parts) > MAX_PARTS:
        return f"it must have at most {MAX_PATH_BYTES} bytes in {MAX_PARTS} parts"
    for part in parts:
        if not part or part[-1] in ". " or part[0] == " ":  # . and .. end with a point
            return "its parts must have a name, must not be . or .., begin with a space, or end with a space or a point"
        if len(part.encode()) > MAX_PART_BYTES:
            return f"each of its parts must have at most {MAX_PART_BYTES} bytes"
        if _DEVICES.fullmatch(part):
            return f"{part!r} is the name of a device on some systems"
    return None
