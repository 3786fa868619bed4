"""What a look at a problem may find."""

from dataclasses import dataclass


class Wrong(Exception):
    """What is wrong, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; `told` is a sentence where something is wrong, else a remark, or empty."""

    what: str
    is_right: bool
    told: str = ""
