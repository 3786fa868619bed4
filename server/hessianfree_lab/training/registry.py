"""Looking things up by the name that a job gives."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.names import unknown


class Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def by_name(entries: Iterable[N]) -> dict[str, N]:
    """The entries keyed by their names."""
    return {entry.name: entry for entry in entries}


def find(entries: Mapping[str, N], name: str, *, kind: str) -> N:
    """The entry called `name`. Raises `InvalidRequest` with the nearest name."""
    if name in entries:
        return entries[name]
    raise InvalidRequest([Fault(kind, unknown(kind, name, entries))])
