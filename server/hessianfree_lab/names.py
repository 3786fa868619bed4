"""Names that people give: what they look like, and which one a slip was meant for."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_PROBLEM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 100  # characters, of a name that a job gives


def check_problem_name(name: str) -> None:
    """Raises ValueError, in a sentence, for a name that no job could give."""
    if len(name) > _LONGEST or not _PROBLEM.fullmatch(name):
        raise ValueError(
            f"The problem's name is {name!r}; it must be small letters, digits and single hyphens, at most {_LONGEST}."
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?", or nothing when no name is near."""
    close = get_close_matches(name.lower(), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that nothing of this `kind` has."""
    names = sorted(known)
    return f"There is no {kind} {name!r}.{nearest(name, names)} There are: {', '.join(names) or 'none'}."
