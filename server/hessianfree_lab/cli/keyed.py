"""Submissions under a key, so that one whose answer was lost can be sent again and is there once."""

from collections.abc import Callable
from typing import TypeVar

from hessianfree_lab.errors import AnswerLost, ConfigurationError, LabError

Made = TypeVar("Made")

LONGEST_KEY = 255


def keyed(send: Callable[[str], Made], key: str | None) -> Made:
    """What `send` makes under this key, None: under a new one.

    Where no answer comes the error says the key: sent again with it, what was made after all is answered.
    """
    import uuid

    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise ConfigurationError(
            f"--key is {key!r}; it must be 1 to {LONGEST_KEY} letters, digits or signs of ASCII."
        )
    used = key or str(uuid.uuid4())
    try:
        return send(used)
    except AnswerLost as lost:
        raise LabError(
            f"{lost} It may have been taken all the same. Send it again with --key {used}: then it is there once."
        ) from lost
