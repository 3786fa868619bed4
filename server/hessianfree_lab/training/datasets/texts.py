"""Texts: files that somebody has put there, and one that Python ships."""

import os
from pathlib import Path

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.variables import DATASETS

BUILT_IN_TEXT = "python-topics"
"""The reference's texts behind Python's `help()`, half a million characters; another release may have other words."""

FOLDER = "text"  # in the folder of datasets


def text(name: str) -> str:
    """The text of this name, `text/NAME.txt` or the built-in one.

    Raises `InvalidRequest` where there is no such file, naming those there are, or it is not UTF-8.
    """
    if name == BUILT_IN_TEXT:
        from pydoc_data.topics import topics

        return "\n".join(topics[topic] for topic in sorted(topics))
    folder = _folder()
    if name not in texts():
        where = str(folder / f"{name}.txt") if folder else f"{FOLDER}/{name}.txt in what --datasets names"
        raise _refused(name, f"this worker has no {where}; it has {', '.join(texts())}.")
    assert folder is not None
    file = folder / f"{name}.txt"
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(name, f"{file} cannot be read: {error}.") from None


def texts() -> list[str]:
    """Their names. Of a folder that nobody can look into, none."""
    folder = _folder()
    try:
        found = sorted(file.stem for file in folder.glob("*.txt") if file.is_file()) if folder else []
    except OSError:
        found = []
    return [*found, BUILT_IN_TEXT]


def _folder() -> Path | None:
    named = os.environ.get(DATASETS)
    return Path(named) / FOLDER if named else None


def _refused(name: str, message: str) -> InvalidRequest:
    path = "problem_params.text"
    return InvalidRequest([Fault(path, f"{path} = {name!r}: {message}")])
