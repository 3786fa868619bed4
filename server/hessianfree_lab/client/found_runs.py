"""The runs that a server finds, fetched as they are looked at."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hessianfree_lab.client.connection import Connection
from hessianfree_lab.client.figures import FoundRun, fetch
from hessianfree_lab.records import RunPage

if TYPE_CHECKING:
    import plotly.graph_objects as go

LARGEST_PAGE = 200


class FoundRuns:
    """Runs that pass filters, in an order. Iterating asks for one page after the other, `limit` runs at most.

    Each iteration asks anew; `total` says how many pass, whatever the limit.
    """

    def __init__(self, connection: Connection, filters: Mapping[str, Any], limit: int | None = None) -> None:
        self._connection = connection
        self._filters = dict(filters)
        self._limit = limit

    def __iter__(self) -> Iterator[FoundRun]:
        left, cursor = self._limit, None
        while True:
            size = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            page = self.page(limit=size, cursor=cursor)
            yield from (FoundRun.of(self._connection, run) for run in page.items)
            cursor = page.next_cursor
            left = None if left is None else left - len(page.items)
            if cursor is None or left == 0:
                return

    def page(self, *, limit: int = LARGEST_PAGE, cursor: str | None = None) -> RunPage:
        """One page; `next_cursor` of the last leads to it, None to the first."""
        return RunPage.model_validate(
            self._connection.get("/runs", **self._filters, limit=limit, cursor=cursor)
        )

    def figure(self, metric: str = "loss", *, kind: str = "metric", **options: Any) -> "go.Figure":
        """A metric of all of them (at most 100) over each other: `runs.figure("loss", x="seconds", smooth=0.6)`.

        `kind`: another figure that compares, such as "performance-profile"; `options` as in docs/wire.md.
        """
        return fetch(self._connection, kind, (run.id for run in self), metric=metric, **options)

    @property
    def total(self) -> int:
        """How many runs pass."""
        return self.page(limit=1).total
